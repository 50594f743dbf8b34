from __future__ import annotations

import os
from pathlib import Path

import msgspec

from modelyard.local.home import Home
from modelyard.local.replica_plan import PortMapping
from modelyard.local.state_file import StateFile, read_state, write_state
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


def test_all_runners_of_a_yard_are_in_it(tmp_path: Path) -> None:
    home, cluster = Home.at(tmp_path), msgspec.structs.replace(STATUS, name="chat-x7k2p", engine="ray-serve")
    state = StateFile(home)
    state.put("ray", (cluster,))
    state.put("local", (STATUS,))
    found = read_state(home)
    assert found is not None
    assert found.replicas == (STATUS, cluster)
    state.put("local", ())
    found = read_state(home)
    assert found is not None
    assert found.replicas == (cluster,)


def test_it_is_written_when_something_changed(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    state = StateFile(home)
    state.put("local", (STATUS,))
    home.state_file.unlink()
    state.put("local", (STATUS,))
    assert not home.state_file.exists()


def test_a_home_that_cannot_be_written_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "home").touch()
    StateFile(Home.at(tmp_path / "home")).put("local", (STATUS,))
