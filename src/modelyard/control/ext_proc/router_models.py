"""Models that the resources of a body-based router name: its metrics have them as labels, and no other name, which a
client may have made up."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot
from modelyard.telemetry.request_metrics import MAX_MODELS


def router_models(resources: ResourceSet, snapshot: Snapshot) -> tuple[str, ...]:
    """Adapters and base models of ConfigMaps, and the values of the headers set from bodies that HTTPRoutes match
    exactly; at most as many as metrics have room for."""
    bases = snapshot.base_models.base_of
    names = dict.fromkeys((*bases, *bases.values(), *_matched(resources, snapshot)))
    return tuple(names)[:MAX_MODELS]


def _matched(resources: ResourceSet, snapshot: Snapshot) -> Iterator[str]:
    headers = {item.header.lower() for item in snapshot.body_headers if item.field == "model"}
    for route in resources.http_routes.values():
        for rule in route.spec.rules:
            for match in rule.matches:
                for header in match.headers:
                    if header.type == "Exact" and header.name.lower() in headers:
                        yield header.value
