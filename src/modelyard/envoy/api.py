"""Envoy's configuration as plain values, and the few shapes that come again and again."""

from __future__ import annotations

from typing import Any

Config = dict[str, Any]
"""One message of Envoy's API as JSON has it. The key ``NOTE`` is a comment, which only ``text`` shows."""

NOTE = "#"

_TYPES = "type.googleapis.com/envoy"


def typed(name: str, /, **fields: Any) -> Config:
    """A message of another package: ``name`` as in ``extensions.filters.http.router.v3.Router``."""
    return {"@type": f"{_TYPES}.{name}", **fields}


def extension(name: str, config: Config) -> Config:
    """An extension by name, as filters and most others are given."""
    return {"name": name, "typed_config": config}


def policy(name: str, config: Config) -> Config:
    """A load balancing policy that consists of one extension."""
    return {"policies": [{"typed_extension_config": extension(name, config)}]}


def socket_address(host: str, port: int) -> Config:
    """An IP address and a TCP port."""
    return {"socket_address": {"address": host.strip("[]"), "port_value": port}}


def seconds(value: float) -> str:
    """A duration; 0 means none in every place where this is used."""
    return f"{value:.6f}".rstrip("0").rstrip(".") + "s"


def without_notes(value: Any) -> Any:
    """``value`` as Envoy reads it."""
    if isinstance(value, dict):
        return {key: without_notes(item) for key, item in value.items() if key != NOTE}
    if isinstance(value, list):
        return [without_notes(item) for item in value]
    return value
