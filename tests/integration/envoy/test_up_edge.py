"""``modelyard up --edge envoy``: the real Envoy in front of model servers, with the real ``openai`` client."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_client import PATH, send
from envoy_setup import Running, modelyard, takes_connections, until
from openai import NotFoundError, OpenAI
from sim_servers import SimServers

from modelyard.sim.settings import SimSettings

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

MANIFESTS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: gw}}
spec:
  gatewayClassName: modelyard
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: tiny}}
spec:
  parentRefs: [{{name: gw}}]
  rules:
    - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: tiny}}]}}]
      backendRefs: [{{group: inference.networking.k8s.io, kind: InferencePool, name: tiny}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: service}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [service.test]
  rules:
    - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: tiny}}]}}]
      backendRefs: [{{name: plain, port: 80}}]
---
apiVersion: v1
kind: Service
metadata: {{name: plain}}
spec: {{selector: {{app: tiny}}, ports: [{{port: 80, targetPort: 8000}}]}}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: tiny}}
spec:
  selector: {{matchLabels: {{app: tiny}}}}
  targetPorts: [{{number: 8000}}]
  endpointPickerRef: {{name: epp, port: {{number: 9002}}}}
---
{pods}
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: tiny, inference.networking.k8s.io/engine-type: vllm}}}}
status: {{podIP: {ip}, phase: Running}}
---
"""

PLUGINS = """
bbr:
  plugins:
    - {type: body-field-to-header, name: model, json: {fieldName: model, headerName: X-Gateway-Model-Name}}
    - {type: body-field-to-header, name: user, json: {fieldName: user, headerName: X-User}}
"""


class Yard:
    """``modelyard up`` with manifests that name simulated servers as Pods."""

    def __init__(self, folder: Path, block: str) -> None:
        self.hosts = [f"{block}.{number}" for number in (11, 12)]
        self.address = (f"{block}.10", 8080)
        self.manifests, self.home = folder / "manifests", folder / "home"
        self.manifests.mkdir()
        self.write(self.hosts)
        command = modelyard("up", "-f", str(self.manifests), "--edge", "envoy", "--bind", self.address[0])
        command += ["--admin", "127.0.0.1:0", "--home", str(self.home), "--drain", "5", "--silence", "30", "-v"]
        self.running = Running(command, folder / "up.log")
        self.at_the_start: list[int] = []
        """What a client got from the command's begin to its first answer."""
        until(self.answers, "the yard does not answer")
        until(lambda: self.models() == ["tiny"] and self.endpoints() == set(self.hosts), "the yard is not up")

    def write(self, hosts: list[str]) -> None:
        pods = "".join(POD.format(name=f"pod-{ip.replace('.', '-')}", ip=ip) for ip in hosts)
        draft = self.manifests / ".draft"
        draft.write_text(MANIFESTS.format(pods=pods))
        draft.replace(self.manifests / "all.yaml")

    def answers(self) -> bool:
        """One request."""
        body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
        self.at_the_start.append(send(self.address, "any.test", body=body).status)
        return self.at_the_start[-1] == 200

    def models(self) -> list[str]:
        answer = send(self.address, "any.test", body=None, path="/v1/models")
        return [item["id"] for item in answer.json["data"]] if answer.status == 200 else []

    def endpoints(self) -> set[str]:
        """Who answers eight requests."""
        body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
        answers = [send(self.address, "any.test", body=body) for _ in range(8)]
        return {answer.headers.get("x-modelyard-endpoint", "").rpartition(":")[0] for answer in answers}

    def envoy(self) -> int:
        """Process id of Envoy."""
        for pid in self.running.family():
            with contextlib.suppress(OSError):  # it may be ending
                if "--disable-hot-restart" in Path(f"/proc/{pid}/cmdline").read_text() and _is_envoy(pid):
                    return pid
        return 0

    def client(self) -> OpenAI:
        return OpenAI(base_url=f"http://{self.address[0]}:{self.address[1]}/v1", api_key="none", max_retries=0)


def _is_envoy(pid: int) -> bool:
    return Path(os.readlink(f"/proc/{pid}/exe")).name == "envoy"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Yard]:
    block = own_blocks()
    servers = SimServers()
    for number in (11, 12):
        servers.start(SimSettings(model="tiny"), host=f"{block}.{number}", port=8000)
    running: Yard | None = None
    try:
        running = Yard(tmp_path_factory.mktemp("up"), block)
        yield running
    finally:
        if running is not None:
            running.running.close()
        servers.close()


def test_until_it_serves_its_port_is_closed(yard: Yard) -> None:
    """A client that finds nobody tries again, or elsewhere; a 503 it may take for an answer."""
    assert set(yard.at_the_start) <= {0, 200}


def test_whole_and_streamed_answers(yard: Yard) -> None:
    client = yard.client()
    messages: Any = [{"role": "user", "content": "hello"}]
    whole = client.chat.completions.create(model="tiny", messages=messages, max_tokens=4)
    assert whole.model == "tiny"
    assert whole.choices[0].message.content
    pieces = list(client.chat.completions.create(model="tiny", messages=messages, max_tokens=4, stream=True))
    assert len(pieces) > 1
    with pytest.raises(NotFoundError) as missing:
        client.chat.completions.create(model="other", messages=messages)
    assert missing.value.code == "model_not_found"


def test_a_service_that_a_model_leads_to_is_picked_for(yard: Yard) -> None:
    body = json.dumps({"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}).encode()
    until(lambda: send(yard.address, "service.test", body=body).status == 200, "the Service does not serve")
    log = yard.home / "logs" / "access.log"
    until(lambda: '"backend":"Service/default/plain:80"' in log.read_text(), "nobody picked for the Service")


def test_envoy_follows_the_endpoints(yard: Yard) -> None:
    first, second = yard.hosts
    yard.write([second])
    until(lambda: yard.endpoints() == {second}, "the first endpoint is still used")
    yard.write([first, second])
    until(lambda: yard.endpoints() == {first, second}, "the first endpoint is not used again")


def test_an_envoy_that_dies_is_started_again(yard: Yard) -> None:
    before = yard.envoy()
    assert before
    os.kill(before, signal.SIGKILL)
    until(lambda: yard.envoy() not in (0, before), "no other Envoy")
    until(lambda: yard.endpoints() == set(yard.hosts), "the other Envoy does not serve")


def test_manifests_change_without_a_restart(yard: Yard) -> None:
    before = yard.envoy()
    path = yard.manifests / "more.yaml"
    path.write_text(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: more}\nspec:\n"
        "  parentRefs: [{name: gw}]\n  rules:\n"
        "    - matches: [{path: {value: /go}}]\n"
        "      filters: [{type: RequestRedirect, requestRedirect: {hostname: there.test}}]\n"
    )
    until(lambda: send(yard.address, "any.test", body=None, path="/go").status == 302, "the route is not served")
    path.unlink()
    until(lambda: send(yard.address, "any.test", body=None, path="/go").status == 404, "the route is still served")
    assert yard.envoy() == before


def test_an_answer_outlives_the_listener_that_it_began_on(yard: Yard) -> None:
    """Another header that the body sets makes another listener; what is open on the old one is not cut."""
    body = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 800, "stream": True}
    connection = http.client.HTTPConnection(*yard.address, timeout=60)
    connection.request("POST", PATH, json.dumps(body), {"content-type": "application/json"})
    stream = connection.getresponse()
    first = stream.readline()
    path = yard.manifests / "plugins.yaml"
    path.write_text(PLUGINS)
    listeners = yard.home / "run" / "envoy" / "listeners.json"
    until(lambda: "x[-_]user" in listeners.read_text(), "the listener does not change")
    rest = stream.read()
    connection.close()
    path.unlink()
    assert first.startswith(b"data: ")
    assert rest.rstrip().endswith(b"data: [DONE]")


def test_stopping_lets_an_answer_end_and_leaves_nothing(yard: Yard) -> None:
    """The last test of this module: it ends the yard."""
    family = yard.running.family()
    body = {"model": "tiny", "messages": [{"role": "user", "content": "x"}], "max_tokens": 20, "stream": True}
    connection = http.client.HTTPConnection(*yard.address, timeout=30)
    connection.request("POST", PATH, json.dumps(body), {"content-type": "application/json"})
    stream = connection.getresponse()
    first = stream.readline()
    yard.running.terminate()
    rest = stream.read()
    connection.close()
    assert first.startswith(b"data: ")
    assert rest.rstrip().endswith(b"data: [DONE]")
    assert yard.running.process.wait(30) == 0
    until(lambda: not any(_alive(pid) for pid in family), "a process is left")
    assert not takes_connections(*yard.address)
    assert not (yard.home / "run" / "envoy").exists()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
