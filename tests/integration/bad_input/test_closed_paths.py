"""Engine control paths: whatever their spelling, a pool's endpoint never hears of them (threats 3 and 21)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .wire import chat, get, post
from .yard import Yard

pytestmark = pytest.mark.integration

CLOSED = [
    "/v1/load_lora_adapter",
    "/v1/unload_lora_adapter",
    "/invocations",
    "/pause",
    "/resume",
    "/sleep",
    "/wake_up",
    "/collective_rpc",
    "/update_weights",
    "/reset_prefix_cache",
    "/start_profile",
    "/scale_elastic_ep",
    "/metrics",
    "/server_info",
    "/version",
    "/load",
    "/docs",
    "/openapi.json",
    "/sim/faults",
    "/sim/requests",
]


def spellings(path: str) -> Iterator[str]:
    """Forms of ``path`` that some server or framework takes for it."""
    first, last = path.rsplit("/", 1)
    yield path
    yield path + "/"
    yield path + "?x=1"
    yield path + "//"
    yield path + "/."
    yield path + "/x/.."
    yield path + ";x=1"
    yield path + "%00"
    yield path + "%20"
    yield path + "%3f"
    yield path + "%23"
    yield path + ".json"
    yield path.upper()
    yield path.title()
    yield "/" + path
    yield "//" + path
    yield f"{first}//{last}"
    yield f"{first}/./{last}"
    yield f"{first}/x/../{last}"
    yield f"/..{path}"
    yield f"/v1/..{path}" if not path.startswith("/v1") else f"/v1/../{path}"
    yield f"/v1/chat/completions/../../..{path}"
    yield f"/v1/chat/completions/%2e%2e/%2e%2e/%2e%2e{path}"
    yield f"/v1/chat/completions/..%2f..%2f..{path.replace('/', '%2f')}"
    yield f"/v1/chat/completions{path}"
    yield f"/v1/models{path}"
    yield f"/v1/models/../..{path}"
    yield f"/v1/models/..;{path}"
    yield path.replace("/", "%2F")
    yield "/" + path[1:].replace("/", "%2F")
    yield "/" + path[1:].replace("/", "%5C")
    yield path.replace("/", "\\")
    yield path.replace("_", "%5F").replace("o", "%6F")
    yield "/" + "".join(f"%{ord(letter):02x}" for letter in path[1:])
    yield "/" + "".join(f"%25{ord(letter):02x}" for letter in path[1:])
    yield path[:2] + "%c0%ae" + path[2:]
    yield path.replace("o", "%u006f")
    yield path.replace("a", "\xe4")
    yield "http://pool.test" + path
    yield "HTTP://pool.test:80/" + path
    yield f"http://pool.test/v1/models#{path}"
    yield path.lstrip("/")
    yield f"{path}#"
    yield f"\t{path}"


@pytest.mark.parametrize("path", CLOSED)
def test_in_every_spelling(yard: Yard, path: str) -> None:
    sim = yard.sims["solo"][0]
    body = chat("solo", lora_name="evil", lora_path="/etc/passwd")
    for spelled in spellings(path):
        for request in (post(spelled, body, host="pool.test"), get(spelled, host="pool.test")):
            with yard.wire() as wire:
                answer = wire.send(request).answer()
            assert answer.status in (400, 404, 405, 501), (spelled, answer)
    reached = {request.path for request in sim.requests}
    assert all(found.startswith("/v1/models/") for found in reached), "only as the name of a model"
    assert "evil" not in sim.handle.engine.adapters.paths


def test_by_other_methods(yard: Yard) -> None:
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "G@T"):
        with yard.wire() as wire:
            wire.send(
                post("/v1/load_lora_adapter", chat("solo"), host="pool.test").replace(b"POST", method.encode(), 1)
            )
            assert wire.answer().status in (400, 404, 405, 501)
    assert yard.sims["solo"][0].requests == []


def test_open_paths_arrive_in_their_one_spelling(yard: Yard) -> None:
    sim = yard.sims["solo"][0]
    spelled = ["//v1///chat/completions", "/v1/./chat/completions", "/%76%31/chat%2Fcompletions".replace("%2F", "/")]
    spelled += ["/x/../v1/chat/completions", "/v1/chat/complet%69ons?a=%2e%2e"]
    for path in spelled:
        assert yard.ask(post(path, chat("solo", max_tokens=1), host="pool.test")).status == 200, path
    assert {request.path for request in sim.requests} == {"/v1/chat/completions"}


def test_metadata_and_files_are_never_fetched_for_a_client(yard: Yard) -> None:
    """A target that names another server is about this one."""
    for target in (
        "http://169.254.169.254/latest/meta-data",
        f"http://{yard.recorder.address}/x",
        "file:///etc/passwd",
    ):
        assert yard.ask(get(target, host="pool.test")).status in (400, 404)
    assert yard.recorder.total == 0
    assert yard.sims["solo"][0].requests == []
