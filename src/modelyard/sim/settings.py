"""Settings of one simulated model server: checked once, frozen, then trusted.

Times are seconds and sizes are counts unless a field says otherwise. Where vLLM has a flag of the same
meaning, the field has its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from modelyard.sim.faults import Faults

Flavour = Literal["vllm", "ray"]
MetricsDialect = Literal["vllm", "vllm-old", "sglang", "trtllm", "triton-trtllm", "triton", "ray", "none"]
AnswerKind = Literal["words", "echo"]


class SettingsError(ValueError):
    """A setting is out of range; the message names it, its value and what is allowed."""


class SimSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulated model server."""

    model: str = "sim-model"
    """Name of the base model, as ``--model`` (a path or hub id; only the name matters)."""
    served_model_names: tuple[str, ...] = ()
    """Names that the API answers to; the first is the one in answers and metrics. Empty: ``model``."""
    lora: Mapping[str, str] = {}
    """Adapters present from the start: name -> path (vLLM's ``--lora-modules name=path``)."""
    enable_lora: bool = False
    """Adapters may be used; on by itself when ``lora`` names any."""
    runtime_lora: bool = True
    """The load and unload API exists (``VLLM_ALLOW_RUNTIME_LORA_UPDATING``); needs ``enable_lora``."""
    missing_lora_paths: tuple[str, ...] = ()
    """Paths for which loading answers 404, as vLLM does when the files are not there. The simulator reads no
    files."""
    max_loras: int = 4
    """Adapters that can run at the same time (vLLM's default is 1; 4 shows affinity at work)."""
    max_cpu_loras: int = 0
    """Adapters held ready in host memory; the least recently used is dropped and costs ``lora_load_s`` again.
    0: as many as ``max_loras``."""
    max_num_seqs: int = 256
    """Sequences in the running batch."""
    max_num_queued_reqs: int = 0
    """Waiting sequences above which a request gets 503, as vLLM's flag; 0: no limit."""
    max_model_len: int = 32768
    """Tokens of prompt and answer together; a longer request is a 400."""
    block_size: int = 16
    """Tokens per KV cache block."""
    num_blocks: int = 8192
    """KV cache blocks (vLLM's ``--num-gpu-blocks-override``): 131,072 tokens by default."""
    enable_prefix_caching: bool = True
    """Blocks of finished requests are kept and reused, least recently used out first."""
    ttft_s: float = 0.03
    """Time to first token of an empty prompt on an idle server, seconds."""
    prefill_s_per_token: float = 0.00005
    """Added to the time to first token for each prompt token that the prefix cache does not hold, seconds."""
    itl_s: float = 0.01
    """Inter-token latency on an idle server, seconds."""
    jitter: float = 0.0
    """Random part of every latency, 0 to 1: 0.1 spreads it by ±10 %. 0 keeps runs comparable."""
    load_slowdown: float = 1.0
    """How much slower tokens come with a full batch: latency × (1 + load_slowdown × running /
    max_num_seqs)."""
    cache_slowdown: float = 1.0
    """Further slow-down as the KV cache goes from 90 % to 100 % in use: × (1 + cache_slowdown × share of that
    span)."""
    lora_load_s: float = 0.2
    """Time to bring an adapter that is not held ready into the batch, seconds."""
    output_tokens: int = 48
    """Mean length of an answer when the request sets no limit, in tokens; lengths vary by ±50 %, by seed."""
    answer: AnswerKind = "words"
    """``words``: readable seeded sentences. ``echo``: the last user message comes back."""
    embedding_size: int = 64
    """Numbers in an embedding."""
    seed: int = 0
    """Decides texts, lengths, jitter and the dice of faults; the same seed and requests give the same
    answers."""
    flavour: Flavour = "vllm"
    """``ray``: Ray Serve LLM's paths, ``base:adapter`` names, ``/-/healthz`` and ``/-/routes``; metrics on
    their own port."""
    metrics_dialect: MetricsDialect = "vllm"
    """Whose metric names ``/metrics`` speaks; ``none``: there is no ``/metrics``."""
    metrics_port: int | None = None
    """Serve ``/metrics`` on this port of the same address and not on the API port (Ray: 8080; 0: any free
    port)."""
    metrics_path: str = "/metrics"
    """Path of the metrics page."""
    control_port: int | None = None
    """Serve ``/sim/*`` on this port as well, reachable even while a fault refuses connections (0: any free
    port)."""
    api_key: str = ""
    """Bearer token required under ``/v1`` when set."""
    enable_request_id_headers: bool = False
    """Echo ``X-Request-Id``, as vLLM's flag."""
    shutdown_timeout: float = 0.0
    """Seconds that running requests get after SIGTERM; 0 aborts them at once (vLLM's default)."""
    startup_s: float = 0.0
    """Seconds before the port opens, as a real engine loads weights first."""
    keep_alive_s: float = 5.0
    """Seconds that an idle connection stays open (vLLM's server: 5)."""
    request_log: int = 100
    """Requests that ``/sim/requests`` remembers; 0: none."""
    request_log_body_bytes: int = 16384
    """Longest body that ``/sim/requests`` remembers whole, in bytes; of longer ones only hash and length."""
    max_body_bytes: int = 64 * 1024 * 1024
    """Longest request body, in bytes."""
    faults: Faults = Faults()
    """Failures in force from the start."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingsError(f"{name} is {value!r}; allowed is {low} to {high}")
        if not self.model:
            raise SettingsError("model is empty; name the base model")
        clash = set(self.lora) & set(self.names)
        if clash:
            raise SettingsError(f"lora: {sorted(clash)[0]!r} is also the base model's name; adapters need their own")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the base model, the one used in answers first."""
        return self.served_model_names or (self.model,)

    @property
    def served_model(self) -> str:
        return self.names[0]

    @property
    def has_lora(self) -> bool:
        return self.enable_lora or bool(self.lora)

    @property
    def context(self) -> int:
        """Tokens that one sequence can have: ``max_model_len``, or the whole KV cache where that is
        smaller."""
        return min(self.max_model_len, self.num_blocks * self.block_size)

    @property
    def adapters_ready(self) -> int:
        """Adapters held ready at once."""
        return max(self.max_loras, self.max_cpu_loras)


_COUNT = (1, 10**9)
_SECONDS = (0.0, 86400.0)
_PORT = (0, 65535)
_RANGES: dict[str, tuple[float, float]] = {
    "max_loras": (1, 4096),
    "max_cpu_loras": (0, 65536),
    "max_num_seqs": (1, 1_000_000),
    "max_num_queued_reqs": (0, 10**9),
    "max_model_len": (8, 100_000_000),
    "block_size": (1, 4096),
    "num_blocks": _COUNT,
    "ttft_s": _SECONDS,
    "prefill_s_per_token": _SECONDS,
    "itl_s": _SECONDS,
    "jitter": (0.0, 1.0),
    "load_slowdown": (0.0, 1000.0),
    "cache_slowdown": (0.0, 1000.0),
    "lora_load_s": _SECONDS,
    "output_tokens": (1, 1_000_000),
    "embedding_size": (1, 65536),
    "metrics_port": _PORT,
    "control_port": _PORT,
    "shutdown_timeout": _SECONDS,
    "startup_s": _SECONDS,
    "keep_alive_s": _SECONDS,
    "request_log": (0, 1_000_000),
    "request_log_body_bytes": (0, 10**9),
    "max_body_bytes": (1, 10**10),
}
INSTANT: Mapping[str, float] = {
    "ttft_s": 0.0,
    "prefill_s_per_token": 0.0,
    "itl_s": 0.0,
    "lora_load_s": 0.0,
    "jitter": 0.0,
}
"""Fields that make every answer immediate: ``SimSettings(**INSTANT)``, for tests that are not about time."""
