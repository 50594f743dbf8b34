from __future__ import annotations

import pytest

from modelyard.admin.guard import Caller, refusal

JSON = "application/json"


def caller(host: str, **facts: object) -> Caller:
    said = {"method": "GET", "own_address": "127.0.0.1", "own_port": 9901, **facts}
    return Caller(host=host, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:9901",
        "localhost:9901",
        "LOCALHOST",
        "localhost.:9901",
        "yard.localhost:9901",
        "[::1]:9901",
        "127.8.0.1:1",
    ],
)
def test_loopback_names_are_served(host: str) -> None:
    assert refusal(caller(host)) is None
    assert refusal(caller(host, method="POST", content_type="Application/JSON; charset=utf-8")) is None


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:9901",
        "127.0.0.1.evil.example:9901",
        "localhost.evil.example",
        "192.0.2.7:9901",
        "[",
        "yard:9901",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
def test_foreign_names_are_refused(host: str, method: str) -> None:
    refused = refusal(caller(host, method=method, content_type=JSON))
    assert refused is not None
    assert refused[0] == 403
    assert "127.0.0.1:9901" in refused[1]


def test_its_own_address_needs_its_own_port() -> None:
    for own, host in (("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "[2001:db8::7]"), ("::ffff:192.0.2.7", "192.0.2.7")):
        assert refusal(caller(f"{host}:9901", own_address=own)) is None
        assert refusal(caller(f"{host}:9902", own_address=own)) is not None
        assert refusal(caller(host, own_address=own)) is not None
        assert refusal(caller(host, own_address=own, own_port=80)) is None


def test_an_api_that_listens_everywhere_takes_addresses_and_short_names() -> None:
    for host in ("192.0.2.7:19901", "yard:9901"):
        assert refusal(caller(host, own_address="172.17.0.2", everywhere=True)) is None
    assert refusal(caller("yard.evil.example:9901", own_address="172.17.0.2", everywhere=True)) is not None


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
def test_a_write_needs_the_type_that_pages_cannot_send(content_type: str) -> None:
    refused = refusal(caller("localhost", method="POST", content_type=content_type))
    assert refused is not None
    assert refused[0] == 415


def test_a_write_of_another_sites_page_is_refused() -> None:
    def write(origin: str) -> Caller:
        return caller("localhost:9901", method="POST", content_type=JSON, origin=origin)

    assert refusal(write("http://localhost:9901")) is None
    for origin in ("http://evil.example", "null", "https://localhost:9901", "http://localhost:3000"):
        refused = refusal(write(origin))
        assert refused is not None
        assert refused[0] == 403
