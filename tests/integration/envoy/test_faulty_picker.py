"""What Envoy does with a picker that answers wrongly, or not at all: every row of the failure table, by both modes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from edge_client import send, status_while_sending
from edge_manifests import DIRECT
from faulty_edge import FaultyEdge, faulty_edge
from measuring_backends import PORT

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

SILENCE = 3.0
"""Seconds that Envoy waits for a picker that hangs; by default 0.9, which a busy machine may need by itself."""
LARGE = b'{"model": "tiny", "prompt": "' + b"a" * 20_000_000 + b'"}'

UNPICKED = [
    "no pick",
    "pick 127.0.0.1:1",
    "close at request_headers",
    "close at request_body",
    "error at request_headers",
    "error at request_body",
    "hang at request_headers",
    "hang at request_body",
]
"""Ways to end without a pick that can be used."""

LATE = ["close at response_headers", "error at response_headers", "hang at response_headers"]
"""Ways to fail after the pick."""


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[FaultyEdge]:
    with faulty_edge(tmp_path_factory.mktemp("faulty"), own_blocks(), silence=SILENCE) as found:
        yield found


@pytest.mark.parametrize("fault", UNPICKED)
def test_without_a_pick_a_pool_that_fails_closed_sends_nothing_on(edge: FaultyEdge, fault: str) -> None:
    before = edge.backends.requests
    answer = send(edge.address, "closed.test", headers={"x-fault": fault})
    assert answer.status == 503
    assert answer.json["error"]["code"] == "no_ready_endpoint"
    assert edge.backends.requests == before


@pytest.mark.parametrize("fault", UNPICKED)
def test_without_a_pick_a_pool_that_fails_open_serves_the_body_as_it_came(edge: FaultyEdge, fault: str) -> None:
    answer = send(edge.address, "open.test", headers={"x-fault": fault})
    assert answer.status == 200
    assert answer.unchanged


@pytest.mark.parametrize("fault", ["close at request_body", "error at request_body", "hang at request_headers"])
def test_a_large_body_is_never_changed(edge: FaultyEdge, fault: str) -> None:
    answer = send(edge.address, "open.test", body=LARGE, headers={"x-fault": fault})
    assert answer.status == 200
    assert answer.unchanged


@pytest.mark.parametrize("host", ["open.test", "closed.test"])
@pytest.mark.parametrize("fault", LATE)
def test_a_picker_that_fails_after_its_pick_harms_no_answer(edge: FaultyEdge, host: str, fault: str) -> None:
    answer = send(edge.address, host, headers={"x-fault": fault})
    assert answer.status == 200
    assert answer.unchanged


def test_a_request_may_wait_in_the_picker_that_asks_for_time(edge: FaultyEdge) -> None:
    answer = send(edge.address, "closed.test", headers={"x-fault": "queue"})
    assert answer.status == 200


def test_the_first_of_the_list_serves_and_is_told(edge: FaultyEdge) -> None:
    for endpoint in edge.endpoints:
        answer = send(edge.address, "closed.test", headers={"x-fault": f"pick {endpoint}"})
        assert answer.json["backend"] == endpoint
        assert edge.picker.served[-1] == endpoint


def test_an_endpoint_that_refuses_gives_way_to_the_next_of_the_list(edge: FaultyEdge) -> None:
    host, other = edge.setup.backend_hosts
    answer = send(edge.address, "closed.test", headers={"x-fault": f"pick {host}:1,{other}:{PORT}"})
    assert answer.json["backend"] == f"{other}:{PORT}"
    assert edge.picker.served[-1] == f"{other}:{PORT}"


def test_a_pick_outside_the_pool_is_not_followed_even_to_envoy_itself(edge: FaultyEdge) -> None:
    before = edge.backends.requests
    own = f"{edge.setup.edge}:{DIRECT}"
    for picked in (own, f"{own},{own}", "169.254.169.254:80", "localhost:8000", "garbage"):
        answer = send(edge.address, "closed.test", headers={"x-fault": f"pick {picked}"})
        assert answer.status == 503, picked
    assert edge.backends.requests == before


def test_an_endpoint_that_is_not_ready_gets_what_is_picked_and_nothing_else(edge: FaultyEdge) -> None:
    """The picker may know first that it has become ready."""
    unready = f"{edge.setup.unready_host}:{PORT}"
    picked = send(edge.address, "closed.test", headers={"x-fault": f"pick {unready}"})
    assert picked.json["backend"] == unready
    others = {send(edge.address, "open.test", headers={"x-fault": "no pick"}).json["backend"] for _ in range(30)}
    assert others == set(edge.endpoints)


def test_the_picker_is_told_the_pool_of_the_route(edge: FaultyEdge) -> None:
    for name in ("open", "closed"):
        send(edge.address, f"{name}.test")
        assert edge.picker.pools[-1] == f"default/{name}"


def test_bodies_above_the_limit_are_refused(edge: FaultyEdge) -> None:
    before = edge.backends.requests
    assert status_while_sending(edge.address, "closed.test", 65 * 1024 * 1024) == 413
    assert edge.backends.requests == before


def test_requests_without_a_body_are_picked_too(edge: FaultyEdge) -> None:
    answer = send(edge.address, "open.test", body=None, path="/v1/models/tiny")
    assert answer.status == 200
