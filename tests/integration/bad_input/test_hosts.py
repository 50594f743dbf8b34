"""Hosts that are none, or two at once (threat 4)."""

from __future__ import annotations

import pytest

from .wire import get
from .yard import Yard

pytestmark = pytest.mark.integration

BAD = [
    "plain.test/x",
    "plain.test?x",
    "plain.test#x",
    "plain.test x",
    "plain .test",
    "user@plain.test",
    "user:secret@plain.test",
    "plain.test@nowhere.test",
    "plain.test,nowhere.test",
    "plain.test\\x",
    "plain.test:80:80",
    "plain.test:",
    "plain.test:http",
    "plain.test:99999",
    "plain.test:-1",
    ":80",
    "http://plain.test",
    "plain.test%00",
    "plain.test\x00",
    "plain.test\t.nowhere",
    "pl\xe4in.test",
    "[::1",
    "::1",
    "[plain.test]",
    "[::1]x",
    "<plain.test>",
    "'plain.test'",
    "",
]


@pytest.mark.parametrize("host", BAD)
def test_bad(yard: Yard, host: str) -> None:
    with yard.wire() as wire:
        assert wire.send(get("/host", host=host)).answer().status == 400
        assert wire.is_closed()
    assert yard.recorder.total == 0


@pytest.mark.parametrize("host", ["plain.test", "PLAIN.test", "plain.test.", "plain.test:80", "Plain.Test:65535"])
def test_one_host_in_several_spellings(yard: Yard, host: str) -> None:
    assert yard.ask(get("/host", host=host)).status == 200
    assert yard.recorder.requests[0].values("host") == [host]


def test_two_hosts(yard: Yard) -> None:
    for second in ("plain.test", "nowhere.test", ""):
        for lines in ([f"Host: {second}"], [f"hOsT: {second}"], ["X: y", f"Host:{second}"]):
            answer = yard.ask(get("/host", *lines, host="plain.test"))
            assert answer.status == 400
    assert yard.recorder.total == 0


def test_no_host(yard: Yard) -> None:
    assert yard.ask(b"GET /host HTTP/1.1\r\nX: y\r\n\r\n").status == 400
    assert yard.ask(b"GET /host HTTP/1.0\r\n\r\n").status == 404
    assert yard.recorder.total == 0


def test_an_absolute_target_names_the_host(yard: Yard) -> None:
    """And the backend gets that one host alone (RFC 9112 section 3.2.2)."""
    assert yard.ask(get("http://plain.test/host", host="nowhere.test")).status == 200
    assert yard.recorder.requests[0].values("host") == ["plain.test"]
    assert yard.recorder.requests[0].target == "/host"
    assert yard.ask(get("http://nowhere.test/host", host="plain.test")).status == 404
    for target in ("http://a@plain.test/", "http:///x", "http://plain.test:x/", "//plain.test/x", "ftp://plain.test/"):
        answer = yard.ask(get(target, host="nowhere.test"))
        assert answer.status in (400, 404), target
    assert yard.recorder.total == 1
