"""How long a model server needs to finish what it has begun, and the termination grace that follows. Pure.

The reasoning: the longest request begins just before the server leaves rotation and produces as many tokens as it
may, at the speed of a full batch; prompts of others in the same batch slow it by a share; until load balancers have
noticed, new requests still come; and half as much again is room for what was not thought of, since a grace that is
too long costs little and one that is too short costs requests.
"""

from __future__ import annotations

import math

import msgspec

PREFILL_SHARE = 0.2
"""Prompt tokens are produced some six times faster than output tokens of a full batch."""
BUFFER = 0.5
PROPAGATION = 30.0
"""Seconds; what slow load balancers need. Behind one that probes readiness every few seconds it can be less."""


class DrainFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the time follows from. Seconds."""

    output_tokens: int
    """The most that one request may produce."""
    token_time: float
    """Per output token, at full batch."""
    propagation: float = PROPAGATION
    """Until nobody sends new requests."""
    prefill_share: float = PREFILL_SHARE
    buffer: float = BUFFER
    measured_longest: float = 0.0
    """The 99th percentile of whole requests that was measured; 0: not measured."""


class DrainTime(msgspec.Struct, frozen=True, kw_only=True):
    """The steps, and what to set. Seconds."""

    generating: float
    prefill: float
    longest: float
    """The longest request."""
    propagation: float
    buffer: float
    grace: int
    """``terminationGracePeriodSeconds``."""
    pre_stop: int
    """``lifecycle.preStop.sleep.seconds``."""


def drain_time(facts: DrainFacts) -> DrainTime:
    """The steps of the reasoning. Raises ValueError for facts that cannot be."""
    if facts.output_tokens < 1 or not 0 < facts.token_time < math.inf:
        raise ValueError("the most output tokens and the time per token must be above 0")
    if min(facts.propagation, facts.prefill_share, facts.buffer) < 0:
        raise ValueError("propagation, prefill share and buffer must be 0 or more")
    generating = facts.output_tokens * facts.token_time
    prefill = generating * facts.prefill_share
    longest = max(generating + prefill, facts.measured_longest)
    buffer = (longest + facts.propagation) * facts.buffer
    return DrainTime(
        generating=generating,
        prefill=prefill,
        longest=longest,
        propagation=facts.propagation,
        buffer=buffer,
        grace=math.ceil(round(longest + facts.propagation + buffer, 6)),
        pre_stop=math.ceil(facts.propagation),
    )
