"""How long a replica waits before it is started again."""

from __future__ import annotations

import msgspec

FIRST_SECONDS = 1.0
"""Kubernetes begins at 10 s, to spare a shared API server and image pulls. Here neither exists, and the
person who just killed or broke a replica is watching."""
LONGEST_SECONDS = 300.0
"""As on Kubernetes."""
FORGET_SECONDS = 600.0
"""A replica that ran this long begins anew, as on Kubernetes."""


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """The restarts of one replica so far."""

    failures: int = 0
    """Ends in a row, not counting those before a long run."""

    def after_run(self, seconds: float) -> Backoff:
        """After a process has ended that ran for ``seconds``."""
        return Backoff(failures=1 if seconds >= FORGET_SECONDS else self.failures + 1)

    @property
    def delay(self) -> float:
        """Seconds to wait now: 1, 2, 4, ... 300."""
        if not self.failures:
            return 0.0
        return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(self.failures - 1, 16))
