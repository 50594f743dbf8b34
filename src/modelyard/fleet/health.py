"""Readiness: active checks and passive failures, as step functions.

An endpoint takes traffic while its latest run of active checks passed the threshold and it is not set aside
for failures that the data plane saw. Which check applies is settled in ``health_sources``.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class HealthCheck(msgspec.Struct, frozen=True, kw_only=True):
    """One active check, repeated. Defaults are those used for an engine's own health path."""

    kind: Literal["http", "tcp"] = "http"
    """``tcp``: a connection that is accepted passes."""
    path: str = "/health"
    port: int = 0
    """0: the serving port."""
    host: str = ""
    """``Host`` header; empty: the address."""
    headers: tuple[tuple[str, str], ...] = ()
    tls: bool = False
    """Checked over TLS without verifying the certificate, as kubelet and load balancers do."""
    ok_from: int = 200
    ok_to: int = 299
    """Statuses from ``ok_from`` to ``ok_to`` pass."""
    expect: bytes = b""
    """The body must hold this."""
    period: float = 2.0
    """Seconds between checks. Often enough to see a dead process soon, seldom enough to cost nothing."""
    retry_period: float = 1.0
    """Seconds to the next check when the last one failed, if that is less than ``period``: an endpoint that is
    out should be back soon after it can serve."""
    timeout: float = 1.0
    """Seconds for connection and answer."""
    healthy_threshold: int = 1
    """Passes in a row that bring a failed endpoint back."""
    unhealthy_threshold: int = 2
    """Failures in a row that take a working endpoint out."""


class CheckState(msgspec.Struct, frozen=True, kw_only=True):
    """Where an endpoint stands with one check."""

    ready: bool | None = None
    """None: never checked."""
    passes: int = 0
    failures: int = 0
    reason: str = "not checked yet"
    last_pass: float = float("-inf")
    """When a check last passed (seconds, monotonic)."""


def checked(state: CheckState, check: HealthCheck, problem: str, now: float) -> CheckState:
    """The state after one check; ``problem`` is empty when it passed.

    The very first verdict counts at once (an endpoint that was never in traffic needs no run of failures to
    stay out, and one that answers need not wait), later ones follow the thresholds.
    """
    if problem:
        return _failed(state, check, problem)
    passes = state.passes + 1
    ready = state.ready is not False or passes >= check.healthy_threshold
    reason = "" if ready else state.reason
    return CheckState(ready=ready, passes=passes, failures=0, reason=reason, last_pass=now)


def _failed(state: CheckState, check: HealthCheck, problem: str) -> CheckState:
    failures = state.failures + 1
    ready = state.ready is True and failures < check.unhealthy_threshold
    reason = "" if ready else problem
    return CheckState(ready=ready, passes=0, failures=failures, reason=reason, last_pass=state.last_pass)


class PassiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """When failures seen in traffic set an endpoint aside."""

    failures: int = 3
    """Failures (refused, reset or timed out before the first byte) within ``window``: one may be chance,
    and each costs a client a retry."""
    window: float = 10.0
    """Seconds in which they must fall."""
    back_off: float = 1.0
    """Seconds set aside the first time; doubles each time it happens again within ``forget``."""
    max_back_off: float = 30.0
    forget: float = 60.0
    """Seconds without being set aside after which the doubling starts anew."""


class PassiveState(msgspec.Struct, frozen=True, kw_only=True):
    """What traffic says of an endpoint."""

    failed_at: tuple[float, ...] = ()
    """Recent failures, oldest first."""
    since: float = float("-inf")
    """When it was last set aside."""
    until: float = float("-inf")
    """Until when at least."""
    times: int = 0
    """How often in a row."""


def traffic_failed(state: PassiveState, settings: PassiveSettings, now: float) -> PassiveState:
    """The state after one more failure in traffic."""
    if now < state.until:
        return state
    recent = tuple(at for at in state.failed_at if now - at < settings.window)[-settings.failures :]
    failed_at = (*recent, now)
    if len(failed_at) < settings.failures:
        return msgspec.structs.replace(state, failed_at=failed_at)
    times = state.times + 1 if now - state.until < settings.forget else 1
    back_off = min(settings.back_off * 2.0 ** min(times - 1, 16), settings.max_back_off)
    return PassiveState(since=now, until=now + back_off, times=times)


def set_aside(passive: PassiveState, check: CheckState, now: float) -> bool:
    """Whether traffic stays away: until the back-off is over and a check has passed since it began."""
    return now < passive.until or (passive.since > check.last_pass and passive.since > float("-inf"))
