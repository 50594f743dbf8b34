"""``/api/adapters``: which adapters are loaded where, and people's wishes about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from modelyard.admin.route import Call, Refused, Route
from modelyard.lora.lora_config import check_name
from modelyard.resources.weights_source import parse_source

if TYPE_CHECKING:
    from modelyard.control.adapters import YardAdapters
    from modelyard.control.yard import Yard


def routes(yard: Yard) -> Iterable[Route]:
    """``GET /api/adapters``, ``POST /api/adapters/load`` and ``POST /api/adapters/unload``."""
    commands = _Commands(yard)
    return (
        Route(method="GET", path="/api/adapters", run=commands.shown),
        Route(method="POST", path="/api/adapters/load", run=commands.load),
        Route(method="POST", path="/api/adapters/unload", run=commands.unload),
    )


class _Commands:
    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    async def shown(self, call: Call) -> Any:
        workloads = self._yard.workloads
        return {"adapters": [], "problems": [], "deployments": []} if workloads is None else workloads.adapters.shown()

    async def load(self, call: Call) -> Any:
        """``{"name", "source", "deployment"?}``"""
        adapters, name = self._adapters(), _text(call, "name")
        check_name(name)
        source = _text(call, "source")
        parse_source(source)
        deployment = self._deployment(adapters, call)
        adapters.load(deployment, name, source)
        return {"deployment": deployment, "name": name, "source": source}

    async def unload(self, call: Call) -> Any:
        """``{"name", "deployment"?}``"""
        adapters, name = self._adapters(), _text(call, "name")
        deployment = self._deployment(adapters, call)
        if not any(status.adapter == name for status in adapters.statuses()):
            raise Refused(f"no replica has an adapter {name}: modelyard lora ls", status=404, code="not_found")
        adapters.unload(deployment, name)
        return {"deployment": deployment, "name": name}

    def _adapters(self) -> YardAdapters:
        if self._yard.workloads is None:
            raise Refused("this yard runs no model servers (modelyard gateway)", status=409, code="no_replicas")
        return self._yard.workloads.adapters

    def _deployment(self, adapters: YardAdapters, call: Call) -> str:
        """The one that is named, with or without its namespace; the only one where none is named."""
        known = adapters.deployments
        given = call.body.get("deployment", "")
        if not isinstance(given, str):
            raise ValueError("deployment must be text: NAME or NAMESPACE/NAME")
        found = [one for one in known if not given or given in (one, one.partition("/")[2])]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(known) or "none"
        what = (
            f"there is no Deployment {given} with model servers here" if given and not found else "say which Deployment"
        )
        raise Refused(f"{what}; there are: {listed}", status=404 if not found else 400, code="not_found")


def _text(call: Call, field: str) -> str:
    value = call.body.get(field)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{field} is missing; give it as text")
    return value
