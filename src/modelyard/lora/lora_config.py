"""The LoRA syncer's configuration (``vLLMLoRAConfig``): text in, adapters out.

The format is that of the inference extension's syncer, key ``configmap.yaml`` of a ConfigMap or a file. Pure.
"""

from __future__ import annotations

import re

import msgspec

from modelyard.resources.errors import shown
from modelyard.resources.yaml_documents import read_document

DEFAULT_PORT = 8000
MAX_ADAPTERS = 1000
"""Adapters in one file; an engine holds a few dozen."""
_NAME = re.compile(r"[^\s\x00-\x1f\x7f@]{1,200}")
"""An adapter's id is a model name. ``@`` is kept for versions (``food-review@1a2b3c4d``)."""
_VERSION = re.compile(r"@[0-9a-f]{8}$")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One adapter that is to be loaded."""

    name: str
    """What clients ask for."""
    source: str
    """Where its files are, as written."""
    base_model: str = ""
    """The base that the file names for this adapter alone; empty: not said."""
    origin: str = ""
    """Who wants it, for people, for example ``ConfigMap default/vllm-adapters``."""


class LoraConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One file, read. Ids that are wanted and unwanted at once are in neither list (as in the original)."""

    name: str = ""
    host: str = "localhost"
    port: int = DEFAULT_PORT
    default_base_model: str = ""
    exist: tuple[Wanted, ...] = ()
    absent: frozenset[str] = frozenset()
    contradictions: tuple[str, ...] = ()
    """Ids in both lists."""


class _Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    source: str = ""
    base_model: str | None = msgspec.field(default=None, name="base-model")


class _Models(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    models: tuple[_Model, ...] | None = ()


class _Config(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    name: str | None = ""
    host: str | None = None
    port: int | None = None
    default_base_model: str | None = None
    ensure_exist: _Models | None = None
    ensure_not_exist: _Models | None = None


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    config: _Config = msgspec.field(name="vLLMLoRAConfig")


def read_lora_config(text: str, origin: str = "") -> LoraConfig:
    """Reads the file. Raises ValueError, for people, for anything that is not one."""
    documents = read_document(text)
    faults = [fault for document in documents for fault in document.faults]
    if faults:
        line = next(document.fault_line for document in documents if document.faults)
        raise ValueError(f"line {line}: {faults[0].message}")
    if len(documents) != 1 or documents[0].value is None:
        raise ValueError("holds no vLLMLoRAConfig; write one YAML document with that key")
    try:
        config = msgspec.convert(documents[0].value, _File).config
    except msgspec.ValidationError as problem:
        raise ValueError(str(problem).replace("$.", "at ").replace("`", "'")) from None
    return _checked(config, origin)


def client_name(engine_name: str) -> str:
    """The name that clients use for an adapter's version: ``food-review@1a2b3c4d`` -> ``food-review``."""
    return _VERSION.sub("", engine_name)


def check_name(name: str) -> None:
    """Raises ValueError, for people, for what cannot be an adapter's id."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{shown(name)} cannot be an adapter's id; use letters, digits, '-', '_', '.', '/' and no '@'")


def _checked(config: _Config, origin: str) -> LoraConfig:
    exist = _models(config.ensure_exist, "ensureExist")
    absent = _models(config.ensure_not_exist, "ensureNotExist")
    port = DEFAULT_PORT if config.port is None else config.port
    if not 0 < port < 65536:
        raise ValueError(f"at vLLMLoRAConfig.port: {port} is no port; write a number from 1 to 65535")
    for number, model in enumerate(exist.values()):
        if not model.source:
            raise ValueError(f"at vLLMLoRAConfig.ensureExist.models[{number}]: source is missing")
    both = exist.keys() & absent.keys()
    return LoraConfig(
        name=config.name or "",
        host=config.host or "localhost",
        port=port,
        default_base_model=config.default_base_model or "",
        exist=tuple(
            Wanted(name=model.id, source=model.source, base_model=model.base_model or "", origin=origin)
            for model in exist.values()
            if model.id not in both
        ),
        absent=frozenset(absent.keys() - both),
        contradictions=tuple(sorted(both)),
    )


def _models(models: _Models | None, where: str) -> dict[str, _Model]:
    found: dict[str, _Model] = {}
    listed = (models.models or ()) if models is not None else ()
    if len(listed) > MAX_ADAPTERS:
        raise ValueError(f"at vLLMLoRAConfig.{where}: more than {MAX_ADAPTERS} adapters")
    for number, model in enumerate(listed):
        place = f"at vLLMLoRAConfig.{where}.models[{number}]"
        try:
            check_name(model.id)
        except ValueError as problem:
            raise ValueError(f"{place}.id: {problem}") from None
        if model.id in found and found[model.id] != model:
            raise ValueError(f"{place}: {shown(model.id)} is there twice with different values; remove one")
        found[model.id] = model
    return found
