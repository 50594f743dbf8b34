"""Requests that wait in the picker's queue: no time-out of a message ends them, and no hung picker holds them."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from edge_client import Answer, send
from edge_manifests import DIRECT
from envoy_setup import Running, Setup, setup, until
from measuring_backends import EVENTS, PAUSE, MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

SILENCE = 2.0
"""Seconds that Envoy waits for a message; requests wait longer."""
ONE_EACH = """
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins:
  - {type: queue-scorer}
  - {type: concurrency-detector, parameters: {maxConcurrency: 1}}
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
flowControl: {saturationDetector: {pluginRef: concurrency-detector}, defaultRequestTTL: 60s}
"""
"""Every endpoint takes one request at a time; the others wait."""


@dataclass(slots=True)
class Edge:
    """Envoy with a picker that lets two requests go on at a time."""

    setup: Setup
    backends: MeasuringBackends
    picker: Running

    def streams(self, pool: ThreadPoolExecutor, count: int) -> list[Future[Answer]]:
        """Start answers of ``EVENTS`` * ``PAUSE`` seconds each."""
        address = (self.setup.edge, DIRECT)
        return [pool.submit(send, address, "closed.test", headers={"x-stream": "1"}) for _ in range(count)]


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    block = own_blocks()
    with setup(tmp_path_factory.mktemp("waiting"), block) as made:
        backends = MeasuringBackends(made.backend_hosts)
        found = Edge(made, backends, made.picker("--config-text", ONE_EACH))
        made.envoy(silence=SILENCE)
        until(lambda: send((made.edge, DIRECT), "closed.test").status == 200, "the picker does not pick")
        yield found
        backends.close()


def test_the_last_of_a_queue_is_served_though_no_message_may_take_so_long(edge: Edge) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = [future.result() for future in edge.streams(pool, 8)]
    assert [answer.status for answer in answers] == [200] * 8
    assert max(answer.seconds for answer in answers) > SILENCE + EVENTS * PAUSE


def test_a_picker_that_hangs_lets_its_queue_go_and_harms_no_answer_under_way(edge: Edge) -> None:
    before = edge.backends.requests
    with ThreadPoolExecutor(6) as pool:
        futures = edge.streams(pool, 6)
        until(lambda: edge.backends.requests == before + 2, "two requests are not under way")
        edge.picker.signal(signal.SIGSTOP)
        try:
            answers = [future.result(timeout=30) for future in futures]
        finally:
            edge.picker.signal(signal.SIGCONT)
    assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503, 503]
    assert all(answer.body.endswith(b"data: [DONE]\n\n") for answer in answers if answer.status == 200)
    assert edge.backends.requests == before + 2
