"""What an engine was started with, as far as adapters are concerned: its flags and environment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

DEFAULT_RANK = 16
"""vLLM's ``--max-lora-rank`` where it is not given."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM takes for ``--max-lora-rank``."""
RUNTIME_UPDATING = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
_TRUE = ("1", "true")
"""What vLLM takes for a set switch, in lower case."""


class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one engine. None: not known (a server that somebody else started)."""

    enabled: bool = True
    """``--enable-lora``."""
    runtime_updating: bool = True
    """``VLLM_ALLOW_RUNTIME_LORA_UPDATING``."""
    max_loras: int | None = None
    """Different adapters in one batch."""
    max_cpu_loras: int | None = None
    """Adapters that the engine keeps in memory; others it reads again when they are asked for."""
    max_rank: int | None = None
    target_modules: tuple[str, ...] = ()
    """``--lora-target-modules``; empty: all that the engine supports."""

    @property
    def problem(self) -> str:
        """Why nothing can be loaded while it runs, and what to set; empty: it can."""
        missing = [] if self.enabled else ["--enable-lora in its arguments"]
        if not self.runtime_updating:
            missing.append(f"{RUNTIME_UPDATING}=true in its environment")
        return f"the engine was started without {' and '.join(missing)}; add what is missing" if missing else ""


def limits_of(arguments: Sequence[str], environment: Mapping[str, str]) -> EngineLimits:
    """The limits of a vLLM with these arguments and this environment."""
    options = _options(arguments)
    max_loras = _number(options, "--max-loras", 1)
    return EngineLimits(
        enabled="--enable-lora" in options,
        runtime_updating=environment.get(RUNTIME_UPDATING, "").strip().lower() in _TRUE,
        max_loras=max_loras,
        max_cpu_loras=_number(options, "--max-cpu-loras", max_loras),
        max_rank=_number(options, "--max-lora-rank", DEFAULT_RANK),
        target_modules=tuple(options.get("--lora-target-modules", ())),
    )


def rank_to_ask_for(rank: int) -> int | None:
    """The smallest ``--max-lora-rank`` that takes an adapter of ``rank``; None: there is none."""
    return next((size for size in RANKS if size >= rank), None)


def _options(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Flag -> values; the last of two wins, underscores are hyphens, ``--no-x`` takes ``--x`` away (argparse)."""
    options: dict[str, list[str]] = {}
    current: list[str] = []
    for word in arguments:
        if not word.startswith("--"):
            current.append(word)
            continue
        flag, equals, value = word.partition("=")
        flag = flag.replace("_", "-")
        current = [value] if equals else []
        if flag.startswith("--no-"):
            options.pop(f"--{flag.removeprefix('--no-')}", None)
        else:
            options[flag] = current
    return options


def _number(options: Mapping[str, list[str]], flag: str, default: int) -> int:
    given = options.get(flag) or [""]
    return int(given[0]) if given[0].isdecimal() and len(given[0]) < 10 else default
