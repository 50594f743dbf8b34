"""The real picker killed, stopped and terminated while requests come in: ``modelyard epp`` behind a real Envoy."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import pytest
from edge_client import Answer, Load, send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import Running, Setup, setup, takes_connections, until
from measuring_backends import EVENTS, MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

SILENCE = 3.0
"""Seconds that Envoy waits for a picker that hangs; by default 0.9, which a busy machine may need by itself."""
SILENT = 10.0
"""Seconds within which a request has its answer though the picker hangs; without a bound, the client's 30."""


@dataclass(slots=True)
class Edge:
    """Envoy with real pickers, one after the other."""

    setup: Setup
    backends: MeasuringBackends
    picker: Running

    @property
    def address(self) -> tuple[str, int]:
        return (self.setup.edge, DIRECT)

    def alive(self) -> None:
        """A picker that picks, started anew where a test ended the last one."""
        if self.picker.process.poll() is not None:
            self.picker = self.setup.picker()
        self.picks()

    def picks(self) -> None:
        until(lambda: send(self.address, "closed.test").status == 200, "the picker does not pick")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Edge]:
    block = own_blocks()
    with setup(tmp_path_factory.mktemp("process"), block) as made:
        backends = MeasuringBackends(made.backend_hosts)
        made.router()
        found = Edge(made, backends, made.picker())
        made.envoy(silence=SILENCE)
        yield found
        backends.close()


@pytest.fixture
def edge(running: Edge) -> Edge:
    running.alive()
    return running


def test_picks_and_routes_by_the_body(edge: Edge) -> None:
    for name in ("open", "closed"):
        assert send(edge.address, f"{name}.test").unchanged
        body = f'{{"model": "{name}"}}'.encode()
        until(lambda body=body: send((edge.setup.edge, BY_MODEL), "any.test", body=body).status == 200, "no router")
    answer = send((edge.setup.edge, BY_MODEL), "any.test", body=b'{"model": "other"}')
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    answer = send((edge.setup.edge, BY_MODEL), "any.test", body=b'{"messages": []}')
    assert (answer.status, answer.json["error"]["code"]) == (400, "missing_model")
    answer = send((edge.setup.edge, BY_MODEL), "any.test", body=b"x", path="/elsewhere")
    assert (answer.status, answer.json["error"]["code"]) == (404, "no_route")


def test_killed_under_load_a_pool_that_fails_open_serves_on(edge: Edge) -> None:
    load = Load(edge.address, "open.test")
    load.wait_for(50)
    edge.picker.signal(signal.SIGKILL)
    load.wait_for(200)
    assert set(load.end()) == {200}
    assert all(answer.unchanged for answer in load.answers)


def test_killed_under_load_a_pool_that_fails_closed_sends_nothing_unpicked(edge: Edge) -> None:
    load = Load(edge.address, "closed.test")
    load.wait_for(50)
    family = edge.picker.family()
    edge.picker.signal(signal.SIGKILL)
    edge.picker.process.wait(10)
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in family), "it is not gone")
    load.wait_past(time.monotonic())
    before = edge.backends.requests
    load.wait_for(200)
    assert edge.backends.requests == before
    assert set(load.end()) == {200, 503}
    assert all(answer.unchanged for answer in load.answers if answer.status == 200)
    edge.alive()


@pytest.mark.parametrize("host", ["open.test", "closed.test"])
def test_killed_while_it_streams_the_answer_comes_whole(edge: Edge, host: str) -> None:
    answers: list[Answer] = []
    before = edge.backends.requests
    client = Thread(target=lambda: answers.append(send(edge.address, host, headers={"x-stream": "1"})))
    client.start()
    until(lambda: edge.backends.requests > before, "no backend was asked")
    edge.picker.signal(signal.SIGKILL)
    client.join(30)
    assert answers[0].status == 200
    assert answers[0].body.count(b"data: ") == EVENTS + 1
    assert answers[0].body.endswith(b"data: [DONE]\n\n")


def test_stopped_no_request_waits_for_it(edge: Edge) -> None:
    edge.picker.signal(signal.SIGSTOP)
    try:
        for _ in range(4):
            served, refused = send(edge.address, "open.test"), send(edge.address, "closed.test")
            assert (served.status, refused.status) == (200, 503)
            assert max(served.seconds, refused.seconds) < SILENT
    finally:
        edge.picker.signal(signal.SIGCONT)
    edge.picks()


def test_stopped_under_load_nothing_hangs_and_nothing_is_changed(edge: Edge) -> None:
    load = Load(edge.address, "open.test")
    load.wait_for(50)
    edge.picker.signal(signal.SIGSTOP)
    try:
        load.wait_for(100)
    finally:
        edge.picker.signal(signal.SIGCONT)
    load.wait_for(50)
    assert set(load.end()) == {200}
    assert all(answer.unchanged and answer.seconds < SILENT for answer in load.answers)


@pytest.mark.parametrize("host", ["open.test", "closed.test"])
def test_terminated_under_load_no_body_is_changed(edge: Edge, host: str) -> None:
    load = Load(edge.address, host, body=b'{"model": "tiny", "prompt": "' + b"b" * 300_000 + b'"}')
    load.wait_for(30)
    edge.picker.terminate()
    edge.picker.process.wait(40)
    load.wait_for(60)
    found = load.end()
    assert set(found) <= ({200} if host == "open.test" else {200, 503})
    assert all(answer.unchanged for answer in load.answers if answer.status == 200)


def test_after_a_kill_the_next_picker_is_used(edge: Edge) -> None:
    edge.picker.signal(signal.SIGKILL)
    edge.picker.process.wait(10)
    assert send(edge.address, "closed.test").status == 503
    edge.alive()
    assert send(edge.address, "closed.test").unchanged


def test_the_next_control_process_takes_over_and_nobody_notices(edge: Edge) -> None:
    """Only the control process is killed: how a picker gets other flags without a gap, though nothing stands in."""
    control, *workers = edge.picker.family()
    load = Load(edge.address, "closed.test")
    try:
        load.wait_for(50)
        os.kill(control, signal.SIGKILL)
        edge.picker.process.wait(10)
        load.wait_for(50)
        edge.picker = edge.setup.picker("--endpoints-in-pick", "1")
        until(lambda: takes_connections(edge.setup.picker_host, 9090), "no control process", log=edge.picker.log)
        load.wait_for(50)
        assert set(load.end()) == {200}
        edge.picker.terminate()
        assert edge.picker.process.wait(40) == 0
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "its workers are left")
    finally:
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def test_stopped_together_router_and_picker_are_bounded(edge: Edge) -> None:
    """The time-outs of both filters together are below the bound of one."""

    def by_model() -> Answer:
        return send((edge.setup.edge, BY_MODEL), "any.test", body=b'{"model": "open"}')

    until(lambda: by_model().status == 200, "no router")
    edge.picker.signal(signal.SIGSTOP)
    try:
        answer = by_model()
        assert answer.status == 200
        assert answer.seconds < SILENT
    finally:
        edge.picker.signal(signal.SIGCONT)
    edge.picks()
