"""A second picker and a second router that stand in: nobody notices a restart of the first, though the pool fails
closed."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from edge_client import Load, send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import Running, Setup, setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

CLIENTS = 4
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


def test_a_picker_that_is_restarted_is_not_missed(edge: Edge) -> None:
    load = Load((edge.setup.edge, DIRECT), "closed.test", clients=CLIENTS)
    load.wait_for(40)
    edge.picker.terminate()
    assert edge.picker.process.wait(40) == 0
    load.wait_for(40)
    edge.start_picker()
    load.wait_for(40)
    assert set(load.end()) == {200}
    assert all(answer.unchanged for answer in load.answers)


def test_a_router_that_is_restarted_is_not_missed(edge: Edge) -> None:
    load = Load(edge.address, "any.test", clients=CLIENTS, body=BODY)
    load.wait_for(40)
    edge.router.terminate()
    assert edge.router.process.wait(40) == 0
    load.wait_for(40)
    edge.router = edge.setup.router()
    load.wait_for(40)
    assert set(load.end()) == {200}
    assert all(answer.unchanged for answer in load.answers)


def test_a_picker_that_is_killed_is_missed_by_what_was_asking_it(edge: Edge) -> None:
    load = Load((edge.setup.edge, DIRECT), "closed.test", clients=CLIENTS)
    load.wait_for(40)
    edge.picker.signal(signal.SIGKILL)
    edge.picker.process.wait(10)
    load.wait_for(100)
    found = load.end()
    assert set(found) <= {200, 503}
    assert found[503] <= CLIENTS
