from __future__ import annotations

from modelyard.sim.requestlog import ReceivedRequest, RequestLog


def received(number: int) -> ReceivedRequest:
    return ReceivedRequest(
        number=number, at=0.0, endpoint="127.0.0.1:1", method="GET", path="/", query="", version="1.1",
        headers=(("X-One", "1"), ("x-one", "2")), body_length=0, body_sha256="", body="",
    )  # fmt: skip


def test_only_the_last_are_kept() -> None:
    log = RequestLog(3)
    for number in range(5):
        log.add(received(number))
    assert [request.number for request in log.last()] == [2, 3, 4]
    assert [request.number for request in log.last(1)] == [4]
    assert list(log.last(0)) == []
    log.clear()
    assert list(log.last()) == []


def test_a_log_of_none_keeps_none() -> None:
    assert not RequestLog(0).keeps
    assert RequestLog(1).keeps


def test_a_header_is_found_by_any_spelling() -> None:
    assert received(1).header("X-ONE") == "1"
    assert received(1).header("x-two") is None
