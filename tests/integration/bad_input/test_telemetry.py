"""What is counted and logged, and what never is (threats 9 to 11 and 17)."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from watched_gateway import until

from .wire import chat, get, post
from .yard import Yard

pytestmark = pytest.mark.integration

CHAT = "/v1/chat/completions"
HOSTILE = [
    "a\nb",
    "a\r\nb",
    "\x1b[31mred\x1b[0m",
    "\u2028line\u2029paragraph",
    "\x85next",
    '{"forged": "line"}',
    '"quotes\\"',
    "\x00nul",
    "\u202eright to left",
    "\U0001f600",
    "</script><script>alert(1)</script>",
    "=cmd|'/c calc'!A1",
    "x" * 5000,
    "a\ud800b",
]


def log_of(yard: Yard, path: str) -> list[dict[str, Any]]:
    """Lines of the access log for ``path``, once there are any."""
    until(lambda: any(line["path"] == path for line in yard.gateway.log_lines()), f"{path} is logged")
    return [line for line in yard.gateway.log_lines() if line["path"] == path]


def tokens(yard: Yard, model: str) -> tuple[float, float]:
    return (
        yard.gateway.metric("modelyard_input_tokens_total", model=model),
        yard.gateway.metric("modelyard_output_tokens_total", model=model),
    )


@pytest.mark.parametrize("stream", [True, False])
def test_tokens_are_counted(yard: Yard, stream: bool) -> None:
    """From whole answers and from streams that were asked for their usage; of a name that no other test asks for, since
    what was asked before may be counted later."""
    before = tokens(yard, "counted")
    fields = {"stream_options": {"include_usage": True}} if stream else {}
    for _ in range(3):
        body = chat("counted", stream=stream, max_tokens=5, ignore_eos=True, **fields)
        assert yard.ask(post(CHAT, body)).status == 200
    until(lambda: tokens(yard, "counted")[1] == before[1] + 15, "15 more tokens")
    assert tokens(yard, "counted")[0] > before[0]


def test_a_request_is_one_line(yard: Yard) -> None:
    """With what is needed to find out later where it went and why."""
    path = "/v1//completions"
    body = json.dumps({"model": "alias", "prompt": "a b c", "max_tokens": 3}).encode()
    assert yard.ask(post(path, body)).status == 200
    (line,) = log_of(yard, path)
    expected = {
        "method": "POST",
        "status": 200,
        "route": "default/model-alias",
        "backend": "InferencePool/default/solo",
        "endpoint": yard.sims["solo"][0].address,
        "model": "alias",
        "target_model": "solo",
        "request_bytes": len(body),
        "output_tokens": 3,
    }
    assert {name: line.get(name) for name in expected} == expected
    assert 0 < line["first_byte"] <= line["duration"]


def test_bytes_are_the_client_s(yard: Yard) -> None:
    """Counted as they came, also where nothing went further."""
    for path, model in (("/v1/a/../chat/completions", "solo"), ("/v1/b/../chat/completions", "gpt-9")):
        body = chat(model, max_tokens=1)
        yard.ask(post(path, body))
        (line,) = log_of(yard, path)
        assert line["request_bytes"] == len(body)


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_values_stay_in_their_line(yard: Yard, value: str) -> None:
    """As a model, in a path, a query and headers: one event is one line of JSON, and metrics stay readable."""
    before = len(yard.gateway.log_lines())
    bodies = [json.dumps({"model": value, "messages": []}).encode()]
    if "\ud800" not in value:
        bodies.append(json.dumps({"model": value, "messages": []}, ensure_ascii=False).encode())
    requests = [post(CHAT, body) for body in bodies]
    raw = value.encode(errors="surrogatepass").decode("latin-1")
    requests += [get(f"/{raw}"), get(f"/x?{raw}"), get("/x", f"X-Y: {raw}"), get("/x", f"User-Agent: {raw}")]
    form = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' + raw.encode("latin-1") + b"\r\n--b--\r\n"
    requests.append(post("/v1/audio/transcriptions", form, "Content-Type: multipart/form-data; boundary=b"))
    for request in requests:
        assert 400 <= yard.ask(request).status < 500
    until(lambda: len(yard.gateway.log_lines()) >= before + len(requests), "all are logged")
    page = yard.gateway.ask_admin("/metrics")[1]
    assert "\x1b" not in page
    assert yard.gateway.metric("modelyard_requests_total") > 0
    assert yard.gateway.ask_admin("/api/summary")[0] == 200


def test_names_that_clients_make_up_are_one_label(yard: Yard) -> None:
    """And they leave room for the models that there are (threat 10)."""
    with yard.wire() as wire:
        for number in range(1500):
            wire.send(post(CHAT, chat(f"made-up-{number}"), host="pool.test"))
            assert wire.answer().status == 404
    for path in range(300):
        yard.ask(get(f"/made-up-path-{path}"))
    assert yard.ask(post(CHAT, chat("solo-adapter", max_tokens=1))).status == 200
    until(lambda: yard.gateway.metric("modelyard_requests_total", model="other") >= 1500, "they are counted")
    until(lambda: yard.gateway.metric("modelyard_requests_total", model="solo-adapter") >= 1, "models are labels")
    assert "made-up" not in yard.gateway.ask_admin("/metrics")[1]


def test_prompts_and_keys_are_nowhere(yard: Yard) -> None:
    """Not in the access log, the process's own output, metrics or the admin API, whatever became of the request."""
    marker, key = "marker-prompt-5309", "sk-marker-key-5309"
    auth = f"Authorization: Bearer {key}"
    body = chat("solo", content=marker, max_tokens=2, user=marker)
    requests = [
        post(CHAT, body, auth),
        post(CHAT, chat("solo", content=marker, stream=True, max_tokens=2), auth, f"Cookie: session={key}"),
        post(CHAT, chat("empty", content=marker), auth),
        post(CHAT, chat("gpt-9", content=marker), auth),
        post(CHAT, body[:-1], auth),
        post(CHAT, body + b"\xff", auth),
        post(CHAT, b'{"messages": "%b", "model": "solo", "model": "solo"}' % marker.encode(), auth),
        post(CHAT, body, auth, "Content-Encoding: gzip"),
        get(f"/x?api_key={key}&prompt={marker}", auth, host="plain.test"),
        get(f"/v1/models?key={key}", f"X-Api-Key: {key}"),
        get("/bad", f"X : {key}"),
    ]
    for sim in yard.sims["pair"]:
        sim.break_with(reset_after_tokens=1)
    requests.append(post(CHAT, chat("pair", content=marker, stream=True), auth))
    lines = len(yard.gateway.log_lines())
    for request in requests:
        with yard.wire() as wire, contextlib.suppress(EOFError):
            wire.send(request).answer()
    explained = yard.gateway.ask_admin(
        "/api/explain", {"path": CHAT, "body": body.decode(), "headers": [["host", "models.test"]]}
    )
    assert explained[0] == 200
    until(lambda: len(yard.gateway.log_lines()) >= lines + len(requests) - 1, "all are logged")
    gateway = yard.gateway
    texts = {path: gateway.ask_admin(path)[1] for path in ("/metrics", "/api/fleet", "/api/summary", "/api/resources")}
    texts["explain"] = explained[1]
    texts |= {"log": gateway.log(), "access log": gateway.access_log.read_text()}
    for name, text in texts.items():
        assert marker not in text, name
        assert key not in text, name


def test_hostile_engine_metrics(yard: Yard) -> None:
    """NaN, garbage, redirects, pages of 100 MB, slow ones: requests go on (threat 16)."""
    rss = yard.gateway.worker().rss_kib
    for fault in ("nan", "garbage", "redirect", "not-found", "error", "huge", "slow"):
        for sim in yard.sims["pair"]:
            sim.break_with(metrics=fault, metrics_bytes=20 * 1024 * 1024)
        for _ in range(20):
            assert yard.ask(post(CHAT, chat("pair", max_tokens=1))).status == 200, fault
    assert yard.gateway.worker().rss_kib < rss + 50 * 1024
