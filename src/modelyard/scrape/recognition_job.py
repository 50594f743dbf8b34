"""Finds out which engine an endpoint runs, by asking the engines' questions one after the other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from modelyard.fleet import engines
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.engine import Engine, Sign
from modelyard.scrape.client import get_request
from modelyard.scrape.connection import Reply, Target
from modelyard.scrape.jobs import Job, Shared


@dataclass(slots=True, frozen=True)
class Recognised:
    """How a recognition ended."""

    engine: Engine | None = None
    """None: not a known engine."""
    sign: Sign | None = None
    unreachable: str = ""
    """Why the serving port could not be asked; empty: it answered."""


class RecognitionJob(Job):
    """One endpoint's engine. ``ended`` gets the result of every attempt and plans the next one."""

    __slots__ = ("_asked", "_ended", "_endpoint")

    def __init__(self, shared: Shared, endpoint: Endpoint, *, ended: Callable[[Recognised], None]) -> None:
        super().__init__(shared)
        self._endpoint = endpoint
        self._ended = ended
        self._asked = 0

    def run(self) -> None:
        self._asked = 0
        self._ask()

    def _ask(self) -> None:
        probe = engines.probes()[self._asked]
        target = Target(self._endpoint.host, probe.port or self._endpoint.port)
        host = self._endpoint.address if not probe.port else f"{target.host}:{target.port}"
        settings = self.shared.settings
        self.shared.client.get(
            target,
            get_request(host, probe.path),
            timeout=settings.recognise_timeout,
            limit=settings.max_page,
            done=self._heard,
        )

    def _heard(self, reply: Reply) -> None:
        if self.closed:
            return
        probe = engines.probes()[self._asked]
        if reply.silent and not self._asked:
            self._ended(Recognised(unreachable=reply.problem))
            return
        found = engines.recognise(probe, reply.body) if not reply.problem else None
        if found is not None:
            self._ended(Recognised(engine=found[0], sign=found[1]))
        elif self._asked + 1 < len(engines.probes()):
            self._asked += 1
            self._ask()
        else:
            self._ended(Recognised())
