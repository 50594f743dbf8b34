"""``modelyard epp`` and ``modelyard bbr`` as real processes, and gRPC's own client to talk to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.ext_proc.v3 import external_processor_pb2 as ext_proc
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelyard.sim.server import SimHandle
from modelyard.sim.settings import INSTANT, SimSettings

_WITHIN = 30.0
SERVING, NOT_SERVING = 1, 2
BODY = b'{"model": "sim", "messages": [{"role": "user", "content": "hi"}]}'


def until(condition: Callable[[], Any], what: str, seconds: float = _WITHIN) -> Any:
    """Poll until the condition gives something true; give it back."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)
    return found


class RunningProcess:
    """One command. ``events``: its lines on standard output."""

    def __init__(self, home: Path, role: str, *arguments: str, ready: bool = True) -> None:
        command = [sys.executable, "-m", "modelyard.cli.main", role, "--home", str(home), "-o", "json", *arguments]
        self._log = (home / f"{role}.log").open("ab")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "COLUMNS": "300"},
        )
        self.log_path = home / f"{role}.log"
        self.events: Queue[dict[str, Any]] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._channels: list[grpc.Channel] = []
        try:
            self.places = self.event("ready" if ready else "starting")
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        return list(self.places["workers"])

    def event(self, name: str) -> dict[str, Any]:
        """The next event of this name."""
        end = time.monotonic() + _WITHIN
        while time.monotonic() < end:
            try:
                found = self.events.get(timeout=0.2)
            except Empty:
                assert self._process.poll() is None, f"it has ended:\n{self.log()}"
                continue
            if found["event"] == name:
                return found
        raise AssertionError(f"no event {name}:\n{self.log()}")

    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait(self) -> int:
        return self._process.wait(_WITHIN)

    def disconnect(self) -> None:
        """Close every connection of this test."""
        for channel in self._channels:
            channel.close()
        self._channels.clear()

    def stop(self) -> None:
        """End it by SIGTERM, unless it has ended."""
        self.disconnect()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                assert self._process.wait(_WITHIN) == 0, self.log()
            finally:
                if self._process.poll() is None:
                    self._process.kill()
        self._log.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.put(json.loads(line))

    # ── its ports ──

    def channel(self, port: str = "grpc", certificate: bytes | None = None) -> grpc.Channel:
        """``certificate``: trusted for a TLS port."""
        options = [("grpc.ssl_target_name_override", "localhost")]
        channel = (
            grpc.insecure_channel(self.places[port])
            if certificate is None
            else grpc.secure_channel(self.places[port], grpc.ssl_channel_credentials(certificate), options)
        )
        self._channels.append(channel)
        return channel

    def health(self, service: str = "", port: str = "health") -> int:
        """Status of a service; 0: nobody answers, or nobody knows it."""
        stub = health_pb2_grpc.HealthStub(self.channel(port))
        try:
            return int(stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status)
        except grpc.RpcError:
            return 0

    def process(
        self,
        *messages: ext_proc.ProcessingRequest,
        metadata: tuple[tuple[str, str], ...] = (),
        channel: grpc.Channel | None = None,
    ) -> list[ext_proc.ProcessingResponse]:
        """Every answer to one stream."""
        stub = external_processor_pb2_grpc.ExternalProcessorStub(channel or self.channel())
        return list(stub.Process(iter(messages), metadata=metadata, timeout=20))

    def get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.places['metrics']}{path}", timeout=10) as answer:
            return str(answer.read().decode())


def headers(end: bool = False, **fields: str) -> ext_proc.ProcessingRequest:
    """The first message of a request."""
    message = ext_proc.ProcessingRequest()
    lines = {":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json", **fields}
    message.request_headers.headers.headers.extend(
        base_pb2.HeaderValue(key=name.replace("_", "-"), raw_value=value.encode()) for name, value in lines.items()
    )
    message.request_headers.end_of_stream = end
    return message


def body(content: bytes = BODY) -> ext_proc.ProcessingRequest:
    """A whole body."""
    message = ext_proc.ProcessingRequest()
    message.request_body.body = content
    message.request_body.end_of_stream = True
    return message


def set_headers(answers: list[ext_proc.ProcessingResponse]) -> dict[str, str]:
    """What the answers set, by name."""
    found: dict[str, str] = {}
    for answer in answers:
        for phase in (answer.request_headers, answer.request_body):
            for option in phase.response.header_mutation.set_headers:
                found[option.header.key.lower()] = option.header.raw_value.decode() or option.header.value
    return found


def picked(answers: list[ext_proc.ProcessingResponse]) -> list[str]:
    """Endpoints of the pick; the same in header and metadata of each answer that has them. The last one counts."""
    found = ""
    for answer in answers:
        header = set_headers([answer]).get("x-gateway-destination-endpoint", "")
        fields = answer.dynamic_metadata.fields["envoy.lb"].struct_value.fields
        assert header == fields["x-gateway-destination-endpoint"].string_value
        found = header or found
    return found.split(",") if found else []


def status(answers: list[ext_proc.ProcessingResponse]) -> int:
    """Of an immediate answer; 0: there is none."""
    return next((int(a.immediate_response.status.code) for a in answers if a.HasField("immediate_response")), 0)


ANY_PORTS = ("--grpc-port", "0", "--grpc-health-port", "0", "--metrics-port", "0")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., RunningProcess]]:
    """``start("epp", ...)``: on free ports, in plain text."""
    running: list[RunningProcess] = []

    def begin(role: str, *arguments: str, ready: bool = True, plain: bool = True) -> RunningProcess:
        given = (*ANY_PORTS, *(["--no-secure-serving"] if plain else []), *arguments)
        process = RunningProcess(tmp_path, role, *given, ready=ready)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.stop()


@pytest.fixture(scope="module")
def sims() -> Iterator[list[SimHandle]]:
    """Two simulated vLLMs."""
    from sim_servers import SimServers

    servers = SimServers()
    settings = SimSettings(model="sim", **INSTANT)
    yield [servers.start(settings) for _ in range(2)]
    servers.close()
