"""Reads which models one endpoint serves."""

from __future__ import annotations

from collections.abc import Callable

from modelyard.fleet.endpoints import Endpoint, ServedModel
from modelyard.fleet.model_list import served_models
from modelyard.scrape.client import get_request
from modelyard.scrape.connection import Reply, Target
from modelyard.scrape.jobs import Job, Shared

NONE_FACTOR = 6.0
"""A server without a model list (it answers with an error) is asked so many times less often."""


class ModelsJob(Job):
    """One endpoint's ``/v1/models``."""

    __slots__ = ("_asked_at", "_request", "_take", "_target", "expecting")

    def __init__(
        self, shared: Shared, endpoint: Endpoint, *, take: Callable[[tuple[ServedModel, ...] | None, float], None]
    ) -> None:
        """``take`` gets each list (None: there is no such thing) and when it was asked for."""
        super().__init__(shared)
        self.expecting = False
        """An adapter is to be loaded soon, perhaps by someone who does not tell: ask often."""
        self._asked_at = 0.0
        self._take = take
        self._target = Target(endpoint.host, endpoint.port)
        self._request = get_request(endpoint.address, "/v1/models")

    def run(self) -> None:
        settings = self.shared.settings
        self._asked_at = self.shared.clock()
        self.shared.client.get(
            self._target,
            self._request,
            timeout=settings.models_timeout,
            limit=settings.max_page,
            done=self._read,
        )

    def _read(self, reply: Reply) -> None:
        if self.closed:
            return
        settings = self.shared.settings
        period = settings.expecting_period if self.expecting else settings.models_period
        if reply.problem:  # what it served it will serve again; readiness is not this job's matter
            self.again(period)
            return
        models = _models(reply)
        self._take(models, self._asked_at)
        self.again(period if models is not None else period * NONE_FACTOR)


def _models(reply: Reply) -> tuple[ServedModel, ...] | None:
    if reply.status != 200:
        return None
    try:
        return served_models(reply.body)
    except ValueError:
        return None
