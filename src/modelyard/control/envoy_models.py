"""The answers to ``GET /v1/models`` for Envoy, which gives them itself: the same as the gateway's own."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Mapping

from modelyard.bodies.models_list import MODELS_PATH
from modelyard.exchange.gateway import Gateway
from modelyard.fleet.fleet import Fleet
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot, build_snapshot


class ListedModelPaths:
    """What each listener group lists, by path."""

    def __init__(self) -> None:
        self._gateway = Gateway(build_snapshot(ResourceSet(), generation=0), random.Random())

    def swap(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force."""
        self._gateway.swap(snapshot)

    def paths(self, fleet: Fleet, groups: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """By group, the body for every path of the list."""
        self._gateway.update_fleet(fleet, time.monotonic())
        return {group: found for group in groups if (found := self._of(group))}

    def _of(self, group: str) -> dict[str, str]:
        listed = self._gateway.listed_models
        names = [f"{MODELS_PATH}/{name}" for name in listed.names(group)]
        answers = {path: listed.answer(group, path) for path in (MODELS_PATH, *names)}
        return {path: answer.body.decode() for path, answer in answers.items() if answer is not None}
