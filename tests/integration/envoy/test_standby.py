"""A second picker and a second router that stand in: nobody notices a restart of the first, though the pool fails
closed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from edge_client import Load, send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import Running, Setup, setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

CLIENTS = 2
BODY = b'{"model": "closed"}'


@dataclass(slots=True)
class Edge:
    """Envoy with two of each."""

    setup: Setup
    picker: Running
    router: Running

    @property
    def address(self) -> tuple[str, int]:
        return (self.setup.edge, BY_MODEL)

    @property
    def picks(self) -> Path:
        """The first picker's access log."""
        return self.setup.folder / "picks.log"

    def start_picker(self) -> None:
        """The first picker; returns when Envoy asks it, and nobody else."""
        self.picks.unlink(missing_ok=True)
        self.picker = self.setup.picker("--access-log", str(self.picks))
        self.asks_first()

    def asks_first(self) -> None:
        def asked() -> bool:
            return send(self.address, "any.test", body=BODY).status == 200 and bool(self.picks.read_text())

        until(asked, "Envoy does not ask the first picker")


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    with setup(tmp_path_factory.mktemp("standby"), own_blocks()) as made:
        backends = MeasuringBackends(made.backend_hosts)
        made.router(standby=True)
        made.picker(standby=True)
        found = Edge(made, made.picker("--access-log", str(made.folder / "picks.log")), made.router())
        made.envoy(standby=True)
        found.asks_first()
        yield found
        backends.close()


def both(edge: Edge) -> tuple[Load, Load]:
    """Clients of the pool that fails open, and of the one that fails closed; some have their answers."""
    address = (edge.setup.edge, DIRECT)
    loads = (Load(address, "open.test", clients=CLIENTS), Load(address, "closed.test", clients=CLIENTS))
    for load in loads:
        load.wait_for(20)
    return loads


def test_a_picker_that_is_restarted_is_not_missed(edge: Edge) -> None:
    loads = both(edge)
    edge.picker.terminate()
    assert edge.picker.process.wait(40) == 0
    for load in loads:
        load.wait_for(20)
    edge.start_picker()
    for load in loads:
        load.wait_for(20)
        assert set(load.end()) == {200}
        assert all(answer.unchanged for answer in load.answers)


def test_a_router_that_is_restarted_is_not_missed(edge: Edge) -> None:
    load = Load(edge.address, "any.test", clients=2 * CLIENTS, body=BODY)
    load.wait_for(40)
    edge.router.terminate()
    assert edge.router.process.wait(40) == 0
    load.wait_for(40)
    edge.router = edge.setup.router()
    load.wait_for(40)
    assert set(load.end()) == {200}
    assert all(answer.unchanged for answer in load.answers)


def test_a_picker_that_is_killed_is_missed_by_what_was_asking_it(edge: Edge) -> None:
    fails_open, fails_closed = both(edge)
    family = edge.picker.family()
    edge.picker.signal(signal.SIGKILL)
    edge.picker.process.wait(10)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "it is not gone")
    gone = time.monotonic()
    for load in (fails_open, fails_closed):
        load.wait_past(gone)
        load.wait_for(50)
    assert set(fails_open.end()) == {200}
    assert set(fails_closed.end()) <= {200, 503}
    assert {answer.status for answer in fails_closed.begun_after(gone)} == {200}
