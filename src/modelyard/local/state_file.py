"""``<home>/state.json``: the replicas and Ray clusters of the latest yard, also after it was killed.

For those who cannot or need not ask the yard itself, such as ``weights rm``. Nothing is recovered from it: a yard
starts from its manifests.
"""

from __future__ import annotations

import contextlib
import os

import msgspec

from modelyard.local.home import Home
from modelyard.local.status import ReplicaStatus


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content."""

    pid: int
    """Control process that wrote it."""
    replicas: tuple[ReplicaStatus, ...] = ()
    """A Ray cluster is one, as in ``modelyard ps``."""


class StateFile:
    """The file, written by the runners of one yard together."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._parts: dict[str, tuple[ReplicaStatus, ...]] = {}

    def put(self, runner: str, replicas: tuple[ReplicaStatus, ...]) -> None:
        """What this runner has now. A file that cannot be written stops nobody."""
        if self._parts.get(runner) == replicas:
            return
        self._parts[runner] = replicas
        everything = tuple(one for part in sorted(self._parts) for one in self._parts[part])
        with contextlib.suppress(OSError):
            write_state(self._home, everything)


def write_state(home: Home, replicas: tuple[ReplicaStatus, ...]) -> None:
    """Write the file in one step: a reader sees the old or the new one."""
    home.root.mkdir(parents=True, exist_ok=True)
    draft = home.state_file.with_suffix(f".{os.getpid()}.tmp")
    content = State(pid=os.getpid(), replicas=replicas)
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
    draft.replace(home.state_file)


def read_state(home: Home) -> State | None:
    """What was written last; None where there is none or it cannot be read."""
    try:
        return msgspec.json.decode(home.state_file.read_bytes(), type=State)
    except (OSError, msgspec.DecodeError):
        return None
