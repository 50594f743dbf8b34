"""What an endpoint gets of a client's head."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelyard.exchange.commands import Forward

from .conftest import POOL, Playbook, endpoint


@pytest.fixture
def sent(playbook: Callable[..., Playbook]) -> Callable[..., list[str]]:
    """The lines of the head that goes out for a request with these header lines."""
    book = playbook()
    book.fleet({POOL: [endpoint("10.0.0.1:80", "m")]})

    def lines(*fields: str) -> list[str]:
        _, command = book.post("/v1/chat/completions", {"model": "m", "messages": []}, *fields)
        assert isinstance(command, Forward)
        return command.head.decode().split("\r\n")

    return lines


def test_fields_that_any_connection_line_names_stay_here(sent: Callable[..., list[str]]) -> None:
    found = sent("Connection: keep-alive", "connection: X-One, x-two", "x-one: 1", "x-two: 2", "x-three: 3")
    assert [line for line in found if line.startswith(("connection", "x-one", "x-two"))] == []
    assert "x-three: 3" in found


def test_every_known_hop_is_kept_and_this_one_added(sent: Callable[..., list[str]]) -> None:
    found = sent("X-Forwarded-For: 1.1.1.1", "x: y", "x-forwarded-for: 2.2.2.2, 3.3.3.3")
    hops = [line for line in found if line.startswith("x-forwarded-for")]
    assert hops == ["x-forwarded-for: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.7"]


def test_the_scheme_is_this_connection_s(sent: Callable[..., list[str]]) -> None:
    found = sent("X-Forwarded-Proto: https", "x-forwarded-proto: wss")
    assert [line for line in found if line.startswith("x-forwarded-proto")] == ["x-forwarded-proto: http"]


def test_no_field_of_the_connection_is_passed_on(sent: Callable[..., list[str]]) -> None:
    fields = ["keep-alive: 5", "te: trailers", "trailer: x", "upgrade: h2c", "http2-settings: x", "proxy-connection: a"]
    names = {line.partition(":")[0] for line in sent(*fields, "connection: te")}
    assert names.isdisjoint(field.partition(":")[0] for field in fields)
