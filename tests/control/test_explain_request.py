"""What ``/api/explain`` is asked, as a request."""

from __future__ import annotations

import json

import pytest

from modelyard.control.addresses import Binding
from modelyard.control.explain_request import as_clients_write, explain_request

WEB = Binding("default/web:80", ("default", "web"), 80, "127.0.0.1", 8080, tls=False)
OTHER = Binding("team/other:443", ("team", "other"), 443, "127.0.0.2", 8443, tls=True)
CHAT = {"model": "m", "messages": [{"role": "user", "content": "wie geht's, \u00fc?"}]}


def test_a_body_makes_a_post_of_json_to_the_first_listener() -> None:
    asked = explain_request({"body": CHAT}, (WEB, OTHER))
    assert asked.listener == "default/web:80"
    assert asked.head.startswith(b"POST /v1/chat/completions HTTP/1.1\r\n")
    assert b"host: 127.0.0.1:8080\r\n" in asked.head
    assert b"content-length: %d\r\n" % len(asked.body) in asked.head
    assert json.loads(asked.body) == CHAT


def test_json_is_written_as_the_openai_client_writes_it() -> None:
    """Compared with what the client library put on a socket."""
    written = '{"model":"m","messages":[{"role":"user","content":"wie geht\'s, \u00fc?"}]}'
    assert as_clients_write(CHAT) == written
    assert explain_request({"body": CHAT}, (WEB,)).body == written.encode()


def test_text_is_taken_as_it_is() -> None:
    assert explain_request({"body": '{ "model" : "m" }'}, (WEB,)).body == b'{ "model" : "m" }'


@pytest.mark.parametrize(
    ("asked", "group"),
    [
        ({"gateway": "other"}, "team/other:443"),
        ({"gateway": "default/web"}, "default/web:80"),
        ({"port": 443}, "team/other:443"),
    ],
)
def test_a_listener_is_chosen_by_gateway_or_port(asked: dict[str, object], group: str) -> None:
    assert explain_request(asked, (WEB, OTHER)).listener == group


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"modle": "m"}, "unknown field 'modle'"),
        ({"gateway": "none"}, "no listener for gateway 'none'"),
        ({"headers": 5}, "headers must be an object or a list"),
    ],
)
def test_what_cannot_be_asked_says_why(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain_request(asked, (WEB, OTHER))
