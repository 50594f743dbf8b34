"""How many descriptors this process may open, and how many connections fit into that."""

from __future__ import annotations

import contextlib
import resource

_OWN = 32
"""Kept for listeners, logs and the control process."""
_COMMON_LIMITS = (65_536, 10_240)
"""Tried where the hard limit is no number: what systems commonly allow a process."""


def raise_limit() -> None:
    """Take as many descriptors as the system allows. Where that is said to be without limit (macOS), the system still
    refuses more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, *_COMMON_LIMITS):
        if soft != resource.RLIM_INFINITY and (wanted > soft or wanted == resource.RLIM_INFINITY):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return


def most_connections(wanted: int, *, descriptors_each: int) -> int:
    """``wanted`` connections (0: no bound), or as many as this process can keep: running out of descriptors would look
    like peers that refuse."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(1, (soft - _OWN) // descriptors_each)
    return wanted if soft == resource.RLIM_INFINITY or most >= wanted > 0 else most
