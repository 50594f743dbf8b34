"""``--plugin TYPE:NAME[:JSON]`` of ``modelyard bbr``, held to the same rules as the plugins of a values file."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from modelyard.resources.faults import Report, render_path
from modelyard.resources.helm import BodyBasedRouter, BodyBasedRouterValues, BodyPlugin
from modelyard.resources.validation.helm import check_values


class BadPlugin(ValueError):
    """A plugin that cannot be used; the message shows it and says why."""


def body_plugins(texts: Sequence[str]) -> tuple[BodyPlugin, ...]:
    """In order. Raises :class:`BadPlugin`."""
    return tuple(_plugin(text) for text in texts)


def _plugin(text: str) -> BodyPlugin:
    """Split at the first two colons, as the original does: the JSON has colons of its own."""
    kind, _, rest = text.partition(":")
    name, _, parameters = rest.partition(":")
    if not kind or not name:
        raise BadPlugin(f"{text!r}: write TYPE:NAME or TYPE:NAME:JSON")
    try:
        values = msgspec.json.decode(parameters, type=dict[str, object]) if parameters else {}
    except msgspec.MsgspecError as problem:
        raise BadPlugin(f"{text!r}: the part after the name is no JSON object ({problem})") from None
    plugin = BodyPlugin(type=kind, name=name, json=values)
    report = Report()
    check_values(BodyBasedRouterValues(bbr=BodyBasedRouter(plugins=(plugin,))), report)
    if report.faults:
        fault = report.faults[0]
        where = render_path(fault.path[2:])
        allowed = f"; allowed: {', '.join(fault.allowed)}" if fault.allowed else ""
        raise BadPlugin(f"{text!r}: {where}: {fault.message}{allowed}")
    return plugin
