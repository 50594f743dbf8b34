"""The real body-based router killed, stopped and terminated while answers stream: ``modelyard bbr`` behind a real
Envoy. What it has done for a request is done: nothing of the answer depends on it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Thread

import pytest
from edge_client import Answer, send
from edge_manifests import BY_MODEL
from envoy_setup import Running, Setup, setup, until
from measuring_backends import EVENTS, MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

ASK = b'{"model": "closed"}'


@dataclass(slots=True)
class Edge:
    """Envoy with real routers, one after the other."""

    setup: Setup
    backends: MeasuringBackends
    router: Running

    def send(self, **options: dict[str, str]) -> Answer:
        return send((self.setup.edge, BY_MODEL), "any.test", body=ASK, **options)

    def routes(self) -> bool:
        return self.send().status == 200


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    block = own_blocks()
    with setup(tmp_path_factory.mktemp("router"), block) as made:
        backends = MeasuringBackends(made.backend_hosts)
        made.picker()
        found = Edge(made, backends, made.router())
        made.envoy()
        yield found
        backends.close()


@pytest.fixture
def edge(running: Edge) -> Edge:
    if running.router.process.poll() is not None:
        running.router = running.setup.router()
    until(running.routes, "the router does not route")
    return running


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM], ids=lambda number: number.name)
def test_answers_that_have_begun_come_whole(edge: Edge, number: signal.Signals) -> None:
    answers: list[Answer] = []
    before = edge.backends.requests
    client = Thread(target=lambda: answers.append(edge.send(headers={"x-stream": "1"})))
    client.start()
    until(lambda: edge.backends.requests > before, "no backend was asked")
    edge.router.signal(number)
    try:
        client.join(30)
    finally:
        edge.router.signal(signal.SIGCONT)
    if number != signal.SIGSTOP:
        edge.router.process.wait(60)
    assert answers[0].status == 200
    assert answers[0].body.count(b"data: ") == EVENTS + 1
    assert answers[0].body.endswith(b"data: [DONE]\n\n")


def test_without_a_router_nothing_goes_to_another_route(edge: Edge) -> None:
    edge.router.signal(signal.SIGKILL)
    edge.router.process.wait(10)
    refused = edge.send()
    assert (refused.status, refused.json["error"]["code"]) == (503, "router_unavailable")
