"""A running ``modelyard gateway``: its worker tells the control process of an adapter that is gone."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_gateway import free_ports, until
from sim_servers import SimServers
from watched_gateway import WatchedGateway

from modelyard.sim.settings import INSTANT, SimSettings

from .conftest import MANIFEST

pytestmark = pytest.mark.integration
PODS = """
apiVersion: v1
kind: Pod
metadata: {name: engine, labels: {app: a}}
spec: {containers: []}
status: {podIP: @HOST, conditions: [{type: Ready, status: "True"}]}
"""


@pytest.fixture
def servers() -> Iterator[SimServers]:
    found = SimServers()
    yield found
    found.close()


def ask(port: int, model: str) -> tuple[int, str]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    url = f"http://127.0.0.1:{port}/v1/chat/completions"
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - always http
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_a_404_refreshes_the_list_at_once(tmp_path: Path, servers: SimServers, own_address: str) -> None:
    [port] = free_ports(1, own_address)
    quick = {**INSTANT, "model": "base", "enable_lora": True}
    sim = servers.start(SimSettings(**quick, lora={"sql": "/w/1"}), host=own_address, port=port)  # type: ignore[arg-type]
    manifests = MANIFEST.replace("number: 8000", f"number: {port}") + "---" + PODS.replace("@HOST", own_address)
    with WatchedGateway(tmp_path, manifests.replace("gatewayClassName: any", "gatewayClassName: modelyard")) as gateway:
        until(lambda: gateway.endpoints() and gateway.all_ready(), 20, "the engine is ready")
        status, text = ask(gateway.port, "sql")
        assert (status, "[lora sql from /w/1]" in text) == (200, True)
        sim.simulator.engine.adapters.unload("sql")
        status, text = ask(gateway.port, "sql")
        assert (status, json.loads(text)["error"]["code"]) == (503, "model_not_loaded")
        until(lambda: gateway.endpoints()[0]["models"] == ["base"], 20, "the list is read anew")
        until(lambda: ask(gateway.port, "sql")[0] == 404, 20, "the worker knows it")
        assert ask(gateway.port, "base")[0] == 200
