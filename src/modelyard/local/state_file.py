"""``<home>/state.json``: the replicas of the latest yard, also after it has ended."""

from __future__ import annotations

import os

import msgspec

from modelyard.local.home import Home
from modelyard.local.status import ReplicaStatus


class State(msgspec.Struct, frozen=True, kw_only=True):
    """The file's content."""

    pid: int
    """Control process that wrote it."""
    replicas: tuple[ReplicaStatus, ...] = ()


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
