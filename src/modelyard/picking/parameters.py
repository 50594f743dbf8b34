"""Plugin parameters: a free mapping made into the plugin's own Struct, strictly."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from modelyard.resources.endpoint_picker_config import PluginSpec
from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report

T = TypeVar("T", bound=msgspec.Struct)


def decode_parameters(spec: PluginSpec, into: type[T], report: Report) -> T | None:
    """The checked parameters of ``spec``; None where they are faulty, which ``report`` says."""
    if not _names_known(spec.parameters, into, spec.type, report):
        return None
    try:
        return msgspec.convert(_plain(spec.parameters), into, strict=True)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        place = path.rstrip("`").lstrip(".")
        value = _value_at(spec.parameters, place)
        where = f"{place} = {shown(value)}: " if place else ""
        report.fault(f"{spec.ref}: {where}{message}")
        return None


def _names_known(parameters: Any, into: type[msgspec.Struct], owner: str, report: Report) -> bool:
    allowed = [field.encode_name for field in msgspec.structs.fields(into)]
    unknown = [name for name in parameters if name not in allowed]
    for name in unknown:
        has = "has no parameter" if allowed else "takes no parameters, so not"
        report.at(str(name)).fault(
            f"{owner} {has} {shown(name)}", allowed=allowed, suggestion=nearest(str(name), allowed)
        )
    return not unknown


def _value_at(value: Any, path: str) -> Any:
    """What the config has at a path such as ``conditions[0].metric``."""
    for step in path.replace("[", ".[").split("."):
        if step.startswith("[") and isinstance(value, (list, tuple)) and step[1:-1].isdigit():
            value = value[int(step[1:-1])]
        elif isinstance(value, dict):
            value = value.get(step)
    return value


def _plain(value: Any) -> Any:
    """Mappings and sequences of any type as dict and list."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
