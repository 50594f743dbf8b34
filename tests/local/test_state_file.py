from __future__ import annotations

import os
from pathlib import Path

from modelyard.local.home import Home
from modelyard.local.replica_plan import PortMapping
from modelyard.local.state_file import read_state, write_state
from modelyard.local.status import Phase, ReplicaStatus

STATUS = ReplicaStatus(
    name="m-0",
    namespace="default",
    deployment="m",
    labels={"app": "m"},
    engine="vllm",
    address="127.8.1.1",
    ports=(PortMapping(container=8000, local=8000),),
    phase=Phase.RUNNING,
    ready=True,
    since=1.5,
    message="",
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    home = Home.at(tmp_path / "home")
    write_state(home, (STATUS,))
    state = read_state(home)
    assert state is not None
    assert (state.pid, state.replicas) == (os.getpid(), (STATUS,))
    assert [one.name for one in home.root.iterdir()] == ["state.json"]


def test_none_or_a_broken_one_is_none(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    assert read_state(home) is None
    home.state_file.write_text("{")
    assert read_state(home) is None
