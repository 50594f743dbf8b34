"""Headers that only the gateway may set: a client's own change nothing and reach nobody."""

from __future__ import annotations

import pytest
from strict_recorder import Recorded

from .wire import chat, get, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
FORGED = "forged-value"
NAMES = [
    "x-gateway-destination-endpoint",
    "x-gateway-destination-endpoint-served",
    "x-gateway-destination-endpoint-subset",
    "x-gateway-model-name",
    "x-gateway-base-model-name",
    "serve_multiplexed_model_id",
    "serve-multiplexed-model-id",
    "x-prefiller-url",
    "x-prefiller-host-port",
    "x-encoder-hosts-ports",
    "x-data-parallel-host-port",
    "x-kv-cache-source-host",
    "x-modelyard-endpoint",
    "x-modelyard-anything",
]


def spellings(name: str, value: str) -> list[str]:
    """The header lines that clients, proxies and frameworks are known to fold into ``name``."""
    forms = {name, name.title(), name.upper(), name.replace("-", "_"), name.upper().replace("-", "_")}
    half = name.split("-")
    forms.add("-".join(half[:2]) + "".join(f"_{part}" for part in half[2:]) if len(half) > 2 else name)
    lines = [f"{form}: {value}" for form in sorted(forms)]
    return [*lines, f"{name}:{value}", f"{name}: \t{value} \t", f"{name}: other, {value}"]


@pytest.mark.parametrize("host", ["read.test", "plain.test"])
@pytest.mark.parametrize("name", NAMES)
def test_never_reach_a_backend(yard: Yard, name: str, host: str) -> None:
    """Alone in every spelling, all at once (duplicates), and in trailers."""
    value = f"{FORGED}, {yard.recorder.address}"
    lines = spellings(name, value)
    body = chat("recorded")
    requests = [post(CHAT, body, line, host=host) for line in lines]
    requests.append(post(CHAT, body, *lines, host=host))
    requests.append(get("/elsewhere", *lines, host=host))
    chunked = b"%x\r\n%b\r\n0\r\n" % (len(body), body) + "\r\n".join([*lines, "", ""]).encode()
    requests.append(post(CHAT, chunked, "Transfer-Encoding: chunked", f"Trailer: {name}", host=host, length=False))
    for request in requests:
        assert yard.ask(request).status == 200
    assert len(yard.recorder.requests) == len(requests)
    assert yard.recorder.faults == []
    for received in yard.recorder.requests:
        assert_clean(received)


def assert_clean(received: Recorded) -> None:
    assert FORGED not in str(received.headers)
    names = [name.replace("_", "-") for name, _ in received.headers]
    own = {"x-gateway-model-name", "x-gateway-base-model-name"}
    assert own.issuperset(name for name in names if name in NAMES)
    for name in own & set(names):
        assert names.count(name) == 1
        assert received.values(name) == ["recorded"]


def test_change_no_route_and_no_choice(yard: Yard) -> None:
    """A destination in a header (another endpoint, the admin API, metadata) is no destination."""
    solo = yard.sims["solo"][0]
    admin = yard.gateway.admin.removeprefix("http://")
    for target in (yard.recorder.address, yard.sims["pair"][0].address, admin, "169.254.169.254:80"):
        for name in NAMES:
            for line in spellings(name, target):
                assert yard.ask(post(CHAT, chat("solo", max_tokens=1), line, host="pool.test")).status == 200
    assert yard.recorder.total == 0
    assert yard.sims["pair"][0].requests == []
    received = solo.requests
    assert received
    for request in received:
        text = str([field for field in request.headers if field[0] not in ("host", "x-forwarded-for")])
        assert yard.recorder.address not in text
        assert "169.254" not in text
        assert request.header("x-gateway-model-name") == "solo"


def test_a_model_in_a_header_is_not_the_model(yard: Yard) -> None:
    line = "X-Gateway-Model-Name: pair"
    answer = yard.ask(post(CHAT, chat("solo", max_tokens=1), line, line, "x_gateway_model_name: pair"))
    assert answer.json["model"] == "solo"
    for request in (
        get("/v1/completions", line),
        post(CHAT, b"", line),
        post(CHAT, b"{}", line),
        post("/x", b"{}", line),
    ):
        assert yard.ask(request).status in (400, 404)
    assert yard.sims["pair"][0].requests == yard.sims["pair"][1].requests == []


def test_fields_of_one_connection_stay_on_it(yard: Yard) -> None:
    """Hop-by-hop fields, and those that Connection names, in one list or in several."""
    lines = ["Connection: keep-alive, X-One", "Connection: x-two", "X-One: a", "X-Two: b", "X-Three: c", "TE: trailers"]
    lines += ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Proxy-Authorization: Basic x"]
    assert yard.ask(get("/hops", *lines, host="plain.test")).status == 200
    names = {name for name, _ in yard.recorder.requests[0].headers}
    assert names.isdisjoint({"connection", "x-one", "x-two", "te", "keep-alive", "proxy-connection"})
    assert "x-three" in names
    assert yard.recorder.faults == []


def test_connection_cannot_take_away_what_the_gateway_sets(yard: Yard) -> None:
    named = "Connection: close, x-gateway-model-name, host, content-length, x-forwarded-for, x-forwarded-proto"
    body = chat("recorded")
    assert yard.ask(post(CHAT, body, named, host="read.test")).status == 200
    received = yard.recorder.requests[0]
    assert received.values("x-gateway-model-name") == ["recorded"]
    assert received.values("x-forwarded-for") == ["127.0.0.1"]
    assert received.values("x-forwarded-proto") == ["http"]
    assert received.body == body


def test_forwarded_fields_tell_the_truth_about_this_hop(yard: Yard) -> None:
    lines = [
        "X-Forwarded-For: 1.2.3.4",
        "X-Forwarded-For: 5.6.7.8",
        "X-Forwarded-Proto: https",
        "X_Forwarded_For: 9.9.9.9",
    ]
    assert yard.ask(get("/forwarded", *lines, host="plain.test")).status == 200
    received = yard.recorder.requests[0]
    assert received.values("x-forwarded-proto") == ["http"]
    assert [value.rpartition(" ")[2] for value in received.values("x-forwarded-for")] == ["127.0.0.1"]
