"""An adapter's own facts, and whether an engine can take it. Pure: bytes and values in, facts and findings out.

The rules are vLLM's (``vllm/lora/peft_helper.py``, 0.32): what it would refuse, or worse, read wrongly, is found here
before anything is loaded, with the flag that helps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.lora.engine_limits import EngineLimits, rank_to_ask_for

MAX_HEADER = 64 * 1024 * 1024
"""Longest safetensors header that is read, bytes (the format's own bound is 100 MB)."""
_WEIGHT = re.compile(r"^(?:base_model\.model\.)?(?P<module>.+?)\.lora_(?P<side>[AB])(?:\.\w+)?\.weight$")
_LAYER = re.compile(r"\.layers\.(\d+)\.")
_PLAIN_INITS = ("gaussian", "eva", "orthogonal", "mica", "lora_ga")
"""``init_lora_weights`` that leave the base model's weights as they are."""
_FROM_HIDDEN = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
"""Linear layers whose input is the hidden state."""
_TO_HIDDEN = ("o_proj", "down_proj")
_OTHER_SIZES = re.compile(r"expert|vision|visual|audio")
"""In names of layers whose sizes are not those that ``config.json`` gives for the model: experts of a mixture, towers
of a multimodal model."""


class AdapterFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter's files say."""

    rank: int
    """The largest of its ranks."""
    base_model: str
    """``base_model_name_or_path``: where it was trained; a path or another name of the same model as often as not."""
    target_modules: tuple[str, ...]
    inputs: Mapping[str, int] = {}
    """Module suffix -> input size of its lora_A, from the weights; without layers of other sizes (experts, towers)."""
    outputs: Mapping[str, int] = {}
    layers: int = 0
    """Highest layer number + 1; 0: no layer has one."""
    unsupported: tuple[str, ...] = ()
    """Properties that no vLLM takes, for people."""


class BaseShape(msgspec.Struct, frozen=True, kw_only=True):
    """The base model's sizes, from its ``config.json``; 0: not known."""

    hidden: int = 0
    intermediate: int = 0
    layers: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an engine must not be asked to load an adapter."""

    reason: str
    message: str


def read_adapter(config: bytes, header: Mapping[str, Any]) -> AdapterFacts:
    """Facts from ``adapter_config.json`` and the header of ``adapter_model.safetensors``. Raises ValueError."""
    values = _config(config)
    rank = _rank(values)
    modules: set[str] = set()
    inputs: dict[str, int] = {}
    outputs: dict[str, int] = {}
    layers = 0
    for name, entry in header.items():
        found = _WEIGHT.match(name)
        shape = entry.get("shape") if isinstance(entry, dict) else None
        if found is None or not isinstance(shape, list) or [type(size) for size in shape] != [int, int]:
            continue
        suffix = found["module"].rpartition(".")[2]
        modules.add(suffix)
        if found["side"] == "A":
            rank = max(rank, shape[0])
        if _OTHER_SIZES.search(found["module"]):
            continue
        layer = _LAYER.search(f".{found['module']}.")
        layers = max(layers, int(layer[1]) + 1 if layer else 0)
        if found["side"] == "A":
            inputs[suffix] = shape[1]
        else:
            outputs[suffix] = shape[0]
    if not modules:
        raise ValueError("adapter_model.safetensors holds no LoRA weights (names that end with lora_A.weight)")
    return AdapterFacts(
        rank=rank,
        base_model=str(values.get("base_model_name_or_path") or ""),
        target_modules=tuple(sorted(modules)),
        inputs=inputs,
        outputs=outputs,
        layers=layers,
        unsupported=tuple(_unsupported(values)),
    )


def read_header(head: bytes, file_size: int) -> dict[str, Any]:
    """The JSON header of a safetensors file, from its first bytes. Raises ValueError where it is none.

    Every tensor must lie within the file: a file that was cut off is found here, not by the engine.
    """
    if len(head) < 8:
        raise ValueError("adapter_model.safetensors is shorter than a safetensors header")
    length = int.from_bytes(head[:8], "little")
    if length > min(MAX_HEADER, file_size - 8):
        raise ValueError("adapter_model.safetensors is no safetensors file, or was cut off")
    try:
        header = msgspec.json.decode(head[8 : 8 + length])
    except (msgspec.DecodeError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError("adapter_model.safetensors has a header that is not a JSON object")
    header.pop("__metadata__", None)
    for name, entry in header.items():
        offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not isinstance(offsets, list) or len(offsets) != 2 or not all(isinstance(item, int) for item in offsets):
            raise ValueError(f"adapter_model.safetensors: tensor {name[:80]!r} has no place in the file")
        if not 0 <= offsets[0] <= offsets[1] <= file_size - 8 - length:
            raise ValueError(f"adapter_model.safetensors was cut off: tensor {name[:80]!r} ends after the file")
    return header


def read_base_shape(config: bytes) -> BaseShape:
    """Sizes out of a model's ``config.json``; those of a part (``text_config``) where it has parts."""
    try:
        values = msgspec.json.decode(config)
    except (msgspec.DecodeError, RecursionError):
        return BaseShape()
    values = values if isinstance(values, dict) else {}
    part = values.get("text_config")
    values = {**values, **part} if isinstance(part, dict) else values
    sizes = {name: values.get(key) for name, key in _SHAPE_KEYS.items()}
    return BaseShape(**{name: size for name, size in sizes.items() if isinstance(size, int)})


def check(facts: AdapterFacts, limits: EngineLimits, base: BaseShape) -> Refusal | None:
    """The first reason not to load it; None: the engine can take it."""
    if limits.problem:
        return Refusal(reason="LoRANotEnabled", message=limits.problem)
    if facts.unsupported:
        return Refusal(reason="Unsupported", message="; ".join(facts.unsupported))
    if limits.max_rank is not None and facts.rank > limits.max_rank:
        return Refusal(reason="RankTooHigh", message=_rank_message(facts.rank, limits, limits.max_rank))
    mismatch = _mismatch(facts, base)
    if mismatch:
        return Refusal(reason="BaseModelMismatch", message=mismatch)
    untouched = set(facts.target_modules) - set(limits.target_modules)
    if limits.target_modules and untouched:
        message = f"it changes {', '.join(sorted(untouched))}, which --lora-target-modules leaves out; add them"
        return Refusal(reason="Unsupported", message=message)
    return None


def other_base(facts: AdapterFacts, names: tuple[str, ...]) -> str:
    """A remark where the adapter says that it was trained on another model; empty: nothing speaks for that.

    Not a refusal: the name is often a path, a copy or a quantised build of the same model.
    """
    trained = _bare(facts.base_model)
    if not trained or not names or trained in {_bare(name) for name in names}:
        return ""
    return f"its adapter_config.json names {facts.base_model} as its base; this engine serves {', '.join(names)}"


_SHAPE_KEYS = {"hidden": "hidden_size", "intermediate": "intermediate_size", "layers": "num_hidden_layers"}


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.rstrip("/").rpartition("/")[2].lower())


def _config(text: bytes) -> dict[str, Any]:
    try:
        values = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        raise ValueError("adapter_config.json is not valid JSON") from None
    if not isinstance(values, dict):
        raise ValueError("adapter_config.json is not a JSON object")
    kind = values.get("peft_type", "LORA")
    if kind != "LORA":
        raise ValueError(f"adapter_config.json says peft_type {kind!r}; only LORA adapters can be served")
    return values


def _rank(values: Mapping[str, Any]) -> int:
    pattern = values.get("rank_pattern")
    ranks = [values.get("r"), *(pattern.values() if isinstance(pattern, dict) else ())]
    if not all(isinstance(rank, int) and not isinstance(rank, bool) and rank > 0 for rank in ranks):
        raise ValueError("adapter_config.json: r must be a positive whole number")
    alpha = values.get("lora_alpha")
    if not isinstance(alpha, int | float) or isinstance(alpha, bool) or not math.isfinite(alpha):
        raise ValueError("adapter_config.json: lora_alpha must be a number")
    return int(max(ranks))


def _unsupported(values: Mapping[str, Any]) -> list[str]:
    found = [f"it uses {what}, which vLLM does not support" for key, what in _FEATURES.items() if values.get(key)]
    listed = values.get("modules_to_save")
    names = listed if isinstance(listed, list) else [listed] if listed else []
    saved = [name for name in names if name not in ("classifier", "score")]
    if saved:
        found.append(
            f"it replaces whole modules ({', '.join(map(str, saved))}: modules_to_save), which vLLM cannot load"
        )
    if values.get("bias", "none") != "none":
        found.append("it trains biases (bias is not 'none'), which vLLM does not support")
    init = values.get("init_lora_weights")
    if isinstance(init, str) and init.lower() not in _PLAIN_INITS:
        found.append(f"init_lora_weights {init!r} changes the base model; convert it to a plain LoRA adapter with PEFT")
    return found


_FEATURES = {
    "use_dora": "DoRA",
    "lora_bias": "LoRA biases (lora_bias)",
    "alora_invocation_tokens": "activated LoRA",
    "layer_replication": "layer replication",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QALoRA",
}


def _rank_message(rank: int, limits: EngineLimits, limit: int) -> str:
    enough = rank_to_ask_for(rank)
    advice = (
        f"start the engine with {limits.option('--max-lora-rank', enough)}"
        if enough
        else "no vLLM takes a rank that high"
    )
    return f"its rank is {rank}, the engine takes up to {limit}; {advice}"


def _mismatch(facts: AdapterFacts, base: BaseShape) -> str:
    """What shows that the adapter was made for a model of other sizes."""
    told = [
        *((f"{name} input", facts.inputs[name], base.hidden) for name in _FROM_HIDDEN if name in facts.inputs),
        *((f"{name} output", facts.outputs[name], base.hidden) for name in _TO_HIDDEN if name in facts.outputs),
        *(("down_proj input", size, base.intermediate) for name, size in facts.inputs.items() if name == "down_proj"),
    ]
    for what, size, of_base in told:
        if of_base and size != of_base:
            return f"it was made for another base model: its {what} is {size} wide, the served model's is {of_base}"
    if base.layers and facts.layers > base.layers:
        return f"it was made for another base model: it has {facts.layers} layers, the served model {base.layers}"
    return ""
