"""Sessions and tokens."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from modelyard.fleet.endpoints import Endpoint
from modelyard.picking import session_affinity
from modelyard.picking.contract import PickRequest
from modelyard.picking.session_affinity import (
    SessionIdConfig,
    SessionParameters,
    Sessions,
    SessionSource,
    decode_token,
    session_token,
)


def asked(**headers: str) -> PickRequest:
    return PickRequest("m", "m", headers={name.replace("_", "-"): value for name, value in headers.items()})


def by_id(**settings: Any) -> Sessions:
    return Sessions(SessionParameters(strategy="session_id", session_id_config=SessionIdConfig(**settings)))


def test_a_token_leads_back_to_its_endpoint(build: Any) -> None:
    candidates = [build.candidate(index) for index in range(3)]
    sessions = Sessions(SessionParameters())
    sessions.new_fleet(candidates)
    token = session_token(candidates[1].endpoint)
    assert sessions.address(asked(x_session_token=token)) == candidates[1].endpoint.address


def test_the_ports_of_one_pod_are_told_apart(build: Any) -> None:
    endpoints = [Endpoint(address=f"10.0.0.1:{port}", name="pod") for port in (8000, 8001)]
    candidates = [build.candidate(index) for index in range(2)]
    for candidate, endpoint in zip(candidates, endpoints, strict=True):
        candidate.endpoint = endpoint
    sessions = Sessions(SessionParameters())
    sessions.new_fleet(candidates)
    assert [sessions.address(asked(x_session_token=session_token(e))) for e in endpoints] == [
        e.address for e in endpoints
    ]


def test_a_token_of_another_picker_is_understood(build: Any) -> None:
    sessions = Sessions(SessionParameters())
    sessions.new_fleet([build.candidate(4)])
    token = base64.b64encode(b"default/pod-4").decode()
    assert sessions.address(asked(x_session_token=token)) == build.address(4)


@pytest.mark.parametrize("token", ["", "%%%", "bm90aGluZw==", "\udcff", base64.b64encode(b"\xff\xfe").decode()])
def test_a_bad_token_is_no_session(build: Any, token: str) -> None:
    sessions = Sessions(SessionParameters())
    sessions.new_fleet([build.candidate(0)])
    assert sessions.address(asked(x_session_token=token)) is None
    assert sessions.address(PickRequest("m")) is None


def test_an_address_names_an_endpoint_without_a_name() -> None:
    assert decode_token(session_token(Endpoint(address="10.0.0.1:80"))) == "default/10.0.0.1:80"


def test_a_session_id_is_remembered_until_its_time_is_over() -> None:
    sessions = by_id(eviction_ttl_seconds=10)
    sessions.started("a:1", asked(x_session_id="s"), 0.0)
    assert sessions.address(asked(x_session_id="s")) == "a:1"
    assert sessions.address(asked(x_session_id="t")) is None
    sessions.started("b:1", asked(x_session_id="t"), 11.0)
    assert sessions.address(asked(x_session_id="s")) is None


def test_a_request_prolongs_and_moves_its_session() -> None:
    sessions = by_id(eviction_ttl_seconds=10)
    sessions.started("a:1", asked(x_session_id="s"), 0.0)
    sessions.started("b:1", asked(x_session_id="s"), 8.0)
    sessions.started("c:1", asked(x_session_id="t"), 15.0)
    assert sessions.address(asked(x_session_id="s")) == "b:1"


def test_the_first_source_that_a_request_has_counts() -> None:
    sources = (SessionSource(header="X-One"), SessionSource(header="X-Two"))
    sessions = by_id(sources=sources)
    sessions.started("a:1", asked(x_one="s", x_two="t"), 0.0)
    assert sessions.address(asked(x_one="s")) == "a:1"
    assert sessions.address(asked(x_two="t")) is None
    assert sessions.address(asked(x_two="s")) == "a:1"


def test_sessions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_affinity, "MAX_SESSIONS", 3)
    sessions = by_id()
    for index in range(10):
        sessions.started("a:1", asked(x_session_id=str(index)), 0.0)
    assert [index for index in range(10) if sessions.address(asked(x_session_id=str(index)))] == [7, 8, 9]


def test_bad_settings_are_refused() -> None:
    for make in (
        lambda: SessionSource(attribute="x"),
        lambda: SessionIdConfig(sources=()),
        lambda: SessionIdConfig(eviction_ttl_seconds=0),
    ):
        with pytest.raises(ValueError, match=r"source|evictionTtlSeconds"):
            make()
