from __future__ import annotations

import json

import pytest

from modelyard.bodies.errors import anthropic_error_type, error_body, error_body_for, error_type, sse_error


def test_openai_shape() -> None:
    assert json.loads(error_body("m", "invalid_request_error", "model", "model_not_found")) == {
        "error": {"message": "m", "type": "invalid_request_error", "param": "model", "code": "model_not_found"}
    }
    assert json.loads(error_body("m"))["error"] == {
        "message": "m",
        "type": "invalid_request_error",
        "param": None,
        "code": None,
    }


def test_anthropic_shape() -> None:
    assert json.loads(error_body("m", "server_error", anthropic=True)) == {
        "type": "error",
        "error": {"type": "api_error", "message": "m"},
    }
    assert json.loads(error_body_for("anthropic-messages", "m", 429, "model", "x")) == {
        "type": "error",
        "error": {"type": "rate_limit_error", "message": "m"},
    }


@pytest.mark.parametrize(
    ("status", "openai", "anthropic"),
    [
        (400, "invalid_request_error", "invalid_request_error"),
        (404, "invalid_request_error", "not_found_error"),
        (413, "invalid_request_error", "request_too_large"),
        (418, "invalid_request_error", "invalid_request_error"),
        (429, "rate_limit_error", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (502, "server_error", "api_error"),
        (503, "server_error", "overloaded_error"),
        (504, "server_error", "timeout_error"),
    ],
)
def test_types_by_status(status: int, openai: str, anthropic: str) -> None:
    assert error_type(status) == openai
    assert anthropic_error_type(status) == anthropic


@pytest.mark.parametrize("message", ['"}\r\n\r\ndata: [DONE]\n\n', "\x00\x1b[31m", "\u2028", "模", "\ud800"])
def test_hostile_text_stays_inside_its_string(message: str) -> None:
    for dialect in ("openai-chat", "anthropic-messages"):
        body = error_body_for(dialect, message, 400)
        assert b"\n" not in body
        assert json.loads(body)["error"]["message"] == message.replace("\ud800", "?")
    for dialect, lines in (("openai-chat", 2), ("anthropic-messages", 3), ("openai-responses", 3)):
        event = sse_error(message, "c", dialect)
        assert event.count(b"\n") == lines


@pytest.mark.parametrize(
    ("dialect", "lines"), [("openai-chat", 1), ("", 1), ("anthropic-messages", 2), ("openai-responses", 2)]
)
def test_the_event_of_a_broken_stream(dialect: str, lines: int) -> None:
    event = sse_error("gone", "stream_broken", dialect)
    assert event.endswith(b"\n\n")
    *named, data = event[:-2].split(b"\n")
    assert len(named) == lines - 1
    assert all(line == b"event: error" for line in named)
    error = json.loads(data.removeprefix(b"data: "))
    assert error["error"]["message"] == "gone"
    assert b"[DONE]" not in event
    assert sse_error("gone", "stream_broken", dialect, mid_event=True) == b"\n\n" + event


def test_the_responses_event_has_the_fields_of_that_api() -> None:
    data = sse_error("gone", "c", "openai-responses").split(b"data: ")[1]
    event = json.loads(data)
    assert (event["type"], event["code"], event["message"]) == ("error", "c", "gone")
