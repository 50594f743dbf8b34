"""Modelyard with everything on: routing by the body's model, default picking, metrics and access log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from benchmarks import processes
from benchmarks.answers import MODEL
from benchmarks.peers.peer import Peer
from benchmarks.peers.ports import free_port
from benchmarks.peers.tools import tool

_ADDRESS = "127.9.0.4"
_WORKER = "modelyard.proxy.worker"


class Modelyard(Peer):
    """One data-plane worker; the control process (scraping, admin) is counted beside it."""

    name = "modelyard"

    def start(self) -> None:
        port = free_port(_ADDRESS)
        self.target = f"{_ADDRESS}:{port}"
        home = self.folder / f"modelyard-{len(self.endpoints)}"
        file = self.folder / f"modelyard-{len(self.endpoints)}.yaml"
        file.write_text(yaml.safe_dump_all(manifests(self.endpoints), sort_keys=False))
        command = [tool("modelyard"), "gateway", "-f", str(file), "--home", str(home), "--workers", "1"]
        command += ["--bind", _ADDRESS, "--port", f"80={port}", "--admin", "127.0.0.1:0", "--drain", "1"]
        self.process = processes.start(command, self.cores.peer, log=self.log)

    def data_plane(self) -> list[int]:
        return [pid for pid in self._children() if _WORKER in processes.command_line(pid)]

    def beside(self) -> Mapping[str, int]:
        return {"control": self.process.pid} if self.process else {}

    def _children(self) -> list[int]:
        return processes.descendants(self.process.pid) if self.process else []


_GATEWAY: dict[str, Any] = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "Gateway",
    "metadata": {"name": "bench"},
    "spec": {"gatewayClassName": "modelyard", "listeners": [{"name": "http", "protocol": "HTTP", "port": 80}]},
}
_BY_MODEL: dict[str, Any] = {"headers": [{"name": "X-Gateway-Model-Name", "value": MODEL}]}
_BY_PATH: dict[str, Any] = {"path": {"type": "PathPrefix", "value": "/"}}


def manifests(endpoints: Sequence[str], *, by_model: bool = True) -> list[dict[str, Any]]:
    """A Gateway, a route by the body's model (or by path), and a pool of ``endpoints`` (``ip:port``, one port)."""
    (port,) = {int(endpoint.rpartition(":")[2]) for endpoint in endpoints}
    pods = [_pod(number, endpoint.rpartition(":")[0]) for number, endpoint in enumerate(endpoints)]
    return [_GATEWAY, _route(_BY_MODEL if by_model else _BY_PATH), _pool(port), *pods]


def _route(match: dict[str, Any]) -> dict[str, Any]:
    backend = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "bench"}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "bench"},
        "spec": {"parentRefs": [{"name": "bench"}], "rules": [{"matches": [match], "backendRefs": [backend]}]},
    }


def _pool(port: int) -> dict[str, Any]:
    return {
        "apiVersion": "inference.networking.k8s.io/v1",
        "kind": "InferencePool",
        "metadata": {"name": "bench"},
        "spec": {
            "selector": {"matchLabels": {"app": "bench"}},
            "targetPorts": [{"number": port}],
            "endpointPickerRef": {"name": "bench-epp", "port": {"number": 9002}},
        },
    }


def _pod(number: int, address: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"bench-{number}", "labels": {"app": "bench"}},
        "spec": {"containers": [{"name": "vllm"}]},
        "status": {"phase": "Running", "podIP": address, "conditions": [{"type": "Ready", "status": "True"}]},
    }
