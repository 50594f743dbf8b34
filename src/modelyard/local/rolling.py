"""How the replicas of a Deployment are replaced: what may start and what may stop now. Pure.

The rules are those of Kubernetes' Deployment controller: ``maxSurge`` rounds up and ``maxUnavailable`` rounds down,
both zero means one unavailable; replicas are added up to ``replicas + maxSurge`` and old ones taken away while at
least ``replicas - maxUnavailable`` are available, those that are not available first. One rule differs: a replica
that still stops counts as there, since on one machine it still holds its memory.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import msgspec


class RollingLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of replicas."""

    desired: int
    surge: int
    """How many more than ``desired`` may be there."""
    unavailable: int
    """How many fewer than ``desired`` may be available."""

    @property
    def most(self) -> int:
        """Replicas that may be there, those that stop included."""
        return self.desired + self.surge

    @property
    def fewest(self) -> int:
        """Replicas that stay available."""
        return max(0, self.desired - self.unavailable)

    def with_room_for(self, extra: int) -> RollingLimits:
        """Where so many extra replicas fit. Where none does, one goes before the next comes: in place."""
        unavailable = self.unavailable if extra else max(1, self.unavailable)
        return RollingLimits(desired=self.desired, surge=extra, unavailable=unavailable)


class RolloutRules(msgspec.Struct, frozen=True, kw_only=True):
    """What a Deployment says about its updates. Times in seconds."""

    limits: RollingLimits
    recreate: bool = False
    """``strategy.type: Recreate``: stop all before starting new ones."""
    paused: bool = False
    min_ready: float = 0.0
    """How long a replica must have been ready to count as available."""
    deadline: float = 600.0
    """How long an update may go without progress before it is said to have failed."""

    @property
    def strategy(self) -> str:
        """For people."""
        if self.recreate:
            return "Recreate"
        return f"RollingUpdate, {self.limits.surge} more, {self.limits.unavailable} unavailable"


NO_REPLICAS = RolloutRules(limits=RollingLimits(desired=0, surge=0, unavailable=0))


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One replica that runs or starts."""

    ordinal: int
    current: bool
    """It is as the Deployment wants it now."""
    available: bool
    """It has been ready for ``minReadySeconds``."""


class Steps(msgspec.Struct, frozen=True, kw_only=True):
    """What to do now; the next look comes when something has changed."""

    start: int = 0
    """How many of the new kind."""
    stop: tuple[int, ...] = ()
    """Ordinals."""


def rolling_limits(desired: int, max_surge: int | str, max_unavailable: int | str) -> RollingLimits:
    """Numbers and percentages resolved. Raises ValueError for what is neither."""
    surge = resolve(max_surge, desired, round_up=True)
    unavailable = resolve(max_unavailable, desired, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return RollingLimits(desired=desired, surge=surge, unavailable=min(unavailable, desired))


def resolve(value: int | str, total: int, *, round_up: bool) -> int:
    """``3``, ``"3"`` or ``"25%"`` of ``total``. Raises ValueError."""
    text = str(value)
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit()):
        raise ValueError(f"{text!r} is neither a number from 0 nor a percentage such as 25%")
    if not text.endswith("%"):
        return int(number)
    exact = int(number) * total / 100
    return math.ceil(exact) if round_up else math.floor(exact)


def next_steps(
    members: Iterable[Member], leaving: int, limits: RollingLimits, *, recreate: bool = False, paused: bool = False
) -> Steps:
    """``leaving``: replicas that still stop. ``recreate``: all old ones go before a new one comes. ``paused``: what
    runs is kept, only its number is brought to what is wanted."""
    everyone = sorted(members, key=lambda member: member.ordinal)
    old = [member for member in everyone if not member.current]
    new = [member for member in everyone if member.current]
    surplus = _surplus(everyone if paused else new, limits.desired)
    if paused:
        missing = limits.desired - len(everyone) - leaving
        return Steps(start=max(0, missing), stop=surplus)
    if recreate and old:
        return Steps(stop=tuple(member.ordinal for member in old))
    if recreate and leaving:
        return Steps(stop=surplus)
    room = (limits.desired if recreate else limits.most) - len(everyone) - leaving
    start = max(0, min(limits.desired - len(new), room))
    return Steps(start=start, stop=surplus + _replaceable(old, new, limits))


def _surplus(members: list[Member], desired: int) -> tuple[int, ...]:
    """Too many: old ones and those that are not available go first, then the last."""
    order = sorted(members, key=lambda member: (member.current, member.available, -member.ordinal))
    return tuple(member.ordinal for member in order[: max(0, len(members) - desired)])


def _replaceable(old: list[Member], new: list[Member], limits: RollingLimits) -> tuple[int, ...]:
    """Old replicas that may go now."""
    available = sum(member.available for member in (*old, *new))
    not_yet = sum(not member.available for member in new)
    most = len(old) + len(new) - limits.fewest - not_yet
    stop: list[int] = []
    for member in sorted(old, key=lambda member: (member.available, member.ordinal)):
        if len(stop) >= most or (member.available and available <= limits.fewest):
            break
        available -= member.available
        stop.append(member.ordinal)
    return tuple(stop)
