"""Failures that a simulated server can be told to have, at start or at run time (``POST /sim/faults``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    import random

Hang = Literal["none", "before-head", "mid-stream"]
MetricsFault = Literal["none", "nan", "huge", "slow", "redirect", "not-found", "garbage", "error"]


class FaultsError(ValueError):
    """A fault is out of range; the message names it, its value and what is allowed."""


class Faults(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every failure switch; the default of each is "behaves"."""

    refuse: bool = False
    """Close the listening socket and idle connections: new connections are refused. Started answers go on."""
    close_before_head: bool = False
    """Accept model requests, read them, then close the connection without an answer."""
    reset_after_tokens: int | None = None
    """Reset the connection once a stream has sent this many tokens (0: right after the response head);
    a request that is not streamed is reset when its answer has this many tokens."""
    hang: Hang = "none"
    """``before-head``: model requests get no answer at all. ``mid-stream``: streams stop for ever after
    ``hang_after_tokens`` tokens, without closing."""
    hang_after_tokens: int = 1
    """Tokens sent before ``hang: mid-stream`` takes hold."""
    head_delay_s: float = 0.0
    """Seconds that model requests wait before anything else happens."""
    status: int | None = None
    """Model requests get this HTTP status (400 to 599) instead of an answer."""
    status_rate: float = 1.0
    """Share of model requests that ``status`` hits, 0 to 1; drawn from the server's seed."""
    retry_after_s: int | None = None
    """``Retry-After`` sent with ``status``, seconds."""
    metrics: MetricsFault = "none"
    """What ``/metrics`` does: NaN and infinite values; a page of ``metrics_bytes``; ``metrics_delay_s``
    before the page; a redirect; 404; bytes that are no metrics; 500."""
    metrics_bytes: int = 100 * 1024 * 1024
    """Size of the page with ``metrics: huge``, bytes."""
    metrics_delay_s: float = 30.0
    """Delay with ``metrics: slow``, seconds."""
    itl_factor: float = 1.0
    """Multiplies the inter-token latency."""
    unhealthy: bool = False
    """``/health``, ``/ping`` and Ray's ``/-/healthz`` answer 503."""
    for_s: float | None = None
    """All of this ends by itself after so many seconds; None: it stays until changed. With ``refuse`` and no
    control port it is the only way back."""

    def __post_init__(self) -> None:
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise FaultsError(f"{name} is {value!r}; allowed is {low} to {high}")

    def strikes(self, rng: random.Random) -> bool:
        """Whether ``status`` hits the request at hand."""
        return self.status is not None and (self.status_rate >= 1.0 or rng.random() < self.status_rate)


_RANGES: dict[str, tuple[float, float]] = {
    "reset_after_tokens": (0, 10**9),
    "hang_after_tokens": (0, 10**9),
    "head_delay_s": (0.0, 86400.0),
    "status": (400, 599),
    "status_rate": (0.0, 1.0),
    "retry_after_s": (0, 86400),
    "metrics_bytes": (0, 2**31),
    "metrics_delay_s": (0.0, 86400.0),
    "itl_factor": (0.0, 1_000_000.0),
    "for_s": (0.0, 86400.0),
}
