"""The scheduler of one pool in one worker."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from modelyard.fleet.fleet import BackendFleet
from modelyard.picking.config import SchedulerConfig
from modelyard.picking.contract import Decision, PickRequest

if TYPE_CHECKING:
    import random


class Scheduler:
    """Built once per configuration; survives fleet changes."""

    def __init__(self, config: SchedulerConfig, rng: random.Random) -> None:
        self.config = config

    def update(self, fleet: BackendFleet, now: float) -> None:
        """Take a new picture of the endpoints."""
        raise NotImplementedError

    def pick(
        self,
        request: PickRequest,
        now: float,
        *,
        subset: Collection[str] | None = None,
        exclude: Collection[str] = (),
        explain: bool = False,
    ) -> Decision:
        """Choose endpoints for ``request``. Raises NoEndpoint. Counts nothing: ``started`` does."""
        raise NotImplementedError

    def started(self, address: str, request: PickRequest | None = None) -> None:
        """A request was sent to ``address``: in-flight + 1, its prefix is recorded."""
        raise NotImplementedError

    def finished(self, address: str, prompt_tokens: int = 0) -> None:
        """It ended: in-flight - 1, never below 0. ``prompt_tokens`` as the request had."""
        raise NotImplementedError

    @property
    def in_flight(self) -> Mapping[str, int]:
        """Own open requests by address; addresses with none are left out."""
        raise NotImplementedError
