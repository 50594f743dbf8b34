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
        where = f"{place} = {shown(_value_at(spec.parameters, place))}: " if place else ""
        report.fault(f"{spec.ref}: {where}{message}", allowed=_allowed_at(into, place))
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


def _steps(path: str) -> list[str]:
    """``conditions``, ``[0]``, ``metric`` of a path such as ``conditions[0].metric``."""
    return path.replace("[", ".[").split(".")


def _value_at(value: Any, path: str) -> Any:
    """What the config has at a path."""
    for step in _steps(path):
        if step.startswith("[") and isinstance(value, (list, tuple)) and step[1:-1].isdigit():
            value = value[int(step[1:-1])]
        elif isinstance(value, dict):
            value = value.get(step)
    return value


def _allowed_at(into: type[msgspec.Struct], path: str) -> list[str]:
    """The values that a parameter with a closed set of values may have."""
    found: Any = msgspec.inspect.type_info(into)
    for step in _steps(path) if path else ():
        if isinstance(found, msgspec.inspect.VarTupleType):
            found = found.item_type
        elif isinstance(found, msgspec.inspect.StructType):
            found = next((field.type for field in found.fields if field.encode_name == step), None)
    values = found.values if isinstance(found, msgspec.inspect.LiteralType) else ()
    return sorted(str(value).lower() if isinstance(value, bool) else str(value) for value in values)


def _plain(value: Any) -> Any:
    """Mappings and sequences of any type as dict and list."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
