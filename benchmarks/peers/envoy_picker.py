"""Envoy that asks an endpoint picker: configured by ``modelyard envoy-config``, with different pickers behind it.

All processes of a peer share one core. The gRPC between them is plain, as it is between processes of one machine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import Any, ClassVar

import yaml

from benchmarks import processes
from benchmarks.peers.modelyard import manifests
from benchmarks.peers.peer import Peer
from benchmarks.peers.ports import free_port
from benchmarks.peers.tools import tool

_WORKER = "modelyard.extproc.worker"
_PATIENCE = 30.0
PICKER, ROUTER = "picker", "router"


class EnvoyPicker(Peer):
    """Envoy with one worker thread, and processes that it asks."""

    address: ClassVar[str]
    by_model: ClassVar[bool] = False
    """The route matches a header that the body-based router sets."""
    options: ClassVar[tuple[str, ...]] = ()
    """Further ones of ``envoy-config``."""
    threads: ClassVar[int] = 1

    def start(self) -> None:
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        file = self._file("manifests.yaml")
        with open(file, "w") as text:
            yaml.safe_dump_all(self.documents(), text, sort_keys=False)
        asked = self.start_servers()
        port = free_port(self.address)
        self.target = f"{self.address}:{port}"
        configuration = self._file("envoy.yaml")
        command = [tool("modelyard"), "envoy-config", "-f", file, "--output", configuration, "--bind", self.address]
        command += ["--port", f"80={port}", "--access-log", self._file("access.log"), *asked, *self.options]
        with open(self.log, "ab") as errors:
            subprocess.run(command, check=True, timeout=_PATIENCE, stderr=errors)
        command = [tool("envoy"), "-c", configuration, "--concurrency", str(self.threads), "--disable-hot-restart"]
        self.process = processes.start([*command, "--log-level", "error"], self.cores.peer, log=self.log)

    def documents(self) -> list[dict[str, Any]]:
        """The manifests."""
        return manifests(self.endpoints, by_model=self.by_model)

    def start_servers(self) -> list[str]:
        """Start what Envoy asks, into ``servers``; the options of ``envoy-config`` that name it."""
        raise NotImplementedError

    def stop(self) -> None:
        super().stop()
        for server in getattr(self, "servers", {}).values():
            processes.stop(server)

    def parts(self) -> Mapping[str, list[int]]:
        envoy = [self.process.pid, *processes.descendants(self.process.pid)] if self.process else []
        return {"envoy": envoy, **{name: self.serving(server.pid) for name, server in self.servers.items()}}

    def serving(self, pid: int) -> list[int]:
        """The processes of a server that answer Envoy."""
        return [pid]

    def data_plane(self) -> list[int]:
        return [pid for pids in self.parts().values() for pid in pids]

    def _file(self, name: str) -> str:
        return str(self.folder / f"{self.name}-{name}")


class EnvoyFilters(EnvoyPicker):
    """The same configuration, with requests that nobody is asked about: their route leads to a Service."""

    name = "envoy-filters"
    address = "127.9.0.16"

    def start_servers(self) -> list[str]:
        return ["--picker", f"{self.address}:9002"]

    def documents(self) -> list[dict[str, Any]]:
        port = int(self.endpoints[0].rpartition(":")[2])
        documents = super().documents()
        route = next(document for document in documents if document["kind"] == "HTTPRoute")
        match = {"path": {"type": "PathPrefix", "value": "/v1"}}
        route["spec"]["rules"].insert(0, {"matches": [match], "backendRefs": [{"name": "past", "port": port}]})
        spec = {"selector": {"app": "bench"}, "ports": [{"port": port, "targetPort": port}]}
        return [*documents, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "past"}, "spec": spec}]


class EnvoyMinimal(EnvoyPicker):
    """The picker is the least one: see ``minimal_picker``."""

    name = "envoy-minimal"
    address = "127.9.0.11"
    options = ("--no-pings",)

    def start_servers(self) -> list[str]:
        listen = f"{self.address}:{free_port(self.address)}"
        command = [sys.executable, "-m", "benchmarks.peers.minimal_picker", "--listen", listen]
        command += ["--endpoints", ",".join(self.endpoints)]
        self.servers[PICKER] = processes.start(command, self.cores.peer, log=self.log)
        return ["--picker", listen]


class EnvoyEpp(EnvoyPicker):
    """``modelyard epp`` with default picking, metrics and access log; its control process is counted beside it."""

    name = "envoy-epp"
    address = "127.9.0.12"
    workers: ClassVar[int] = 1
    metrics = ""
    """``host:port`` of the picker's metrics page."""

    def start_servers(self) -> list[str]:
        listen, self.metrics = self._serve("epp", PICKER, "--workers", str(self.workers))
        return ["--picker", listen]

    def _serve(self, command: str, name: str, *more: str) -> tuple[str, str]:
        """Where it serves ext_proc, and where metrics."""
        host = self.address
        grpc, health, metrics = (free_port(host) for _ in range(3))
        line = [tool("modelyard"), command, "-f", self._file("manifests.yaml"), "--bind", host, "--no-secure-serving"]
        line += ["--grpc-port", str(grpc), "--grpc-health-port", str(health), "--metrics-port", str(metrics)]
        line += ["--home", self._file(f"{command}-home"), "--access-log", self._file(f"{command}.log"), *more]
        self.servers[name] = processes.start(line, self.cores.peer, log=self.log)
        return f"{host}:{grpc}", f"{host}:{metrics}"

    def serving(self, pid: int) -> list[int]:
        return [child for child in processes.descendants(pid) if _WORKER in processes.command_line(child)]

    def beside(self) -> Mapping[str, int]:
        return {name: server.pid for name, server in self.servers.items()}


class EnvoyLeanEpp(EnvoyEpp):
    """The picker hears of the request only."""

    name = "envoy-epp-lean"
    address = "127.9.0.13"
    options = ("--no-answer-heads",)


class EnvoyEppBbr(EnvoyEpp):
    """Routes match the model in the body, which ``modelyard bbr`` reads."""

    name = "envoy-epp-bbr"
    address = "127.9.0.14"
    by_model = True

    def start_servers(self) -> list[str]:
        router, _ = self._serve("bbr", ROUTER)
        return [*super().start_servers(), "--router", router]


class EnvoyEppWorkers(EnvoyEpp):
    """Four picker workers on one port, and four threads of Envoy: each thread has connections of its own."""

    name = "envoy-epp-4-workers"
    address = "127.9.0.15"
    workers = 4
    threads = 4
