"""``modelyard up`` with simulated replicas, and streams that never pause while a Deployment is changed."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from engine.streams import Load, Stream
from running_gateway import free_ports

BOUND = 180.0
CLIENTS = 6
TOKENS = 40
MANIFEST = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: g}]
  rules:
  - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: m}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: m}
spec:
  selector: {matchLabels: {app: m}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: m-epp, port: {number: 9002}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  replicas: REPLICAS
  progressDeadlineSeconds: DEADLINE
  strategy: STRATEGY
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      terminationGracePeriodSeconds: 60
      containers:
        - name: vllm
          image: vllm/vllm-openai:v0.32.0
          args: [--model=m, --max-num-seqs=SEQS, --itl-ms=10]
          lifecycle: {preStop: {sleep: {seconds: 30}}}
          readinessProbe: {httpGet: {path: /health, port: 8000}, periodSeconds: 1, timeoutSeconds: 5}
"""
SURGE = "{rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}"


def manifest(*, replicas: int = 3, deadline: int = 600, strategy: str = SURGE, seqs: str = "64") -> str:
    text = MANIFEST.replace("REPLICAS", str(replicas)).replace("DEADLINE", str(deadline))
    return text.replace("STRATEGY", strategy).replace("SEQS", seqs)


class SimYard:
    """Started by ``start``, ended by ``end``; ``write`` edits its one manifest."""

    def __init__(self, root: Path) -> None:
        self.home, self.file = root / "home", root / "m.yaml"
        self.address = f"http://127.0.0.1:{free_ports(1, '127.0.0.1')[0]}"
        self.admin = ""
        self._log = root / "up.log"
        self.process: subprocess.Popen[str] | None = None

    def start(self, text: str) -> None:
        """Return when every replica is ready."""
        self.file.write_text(text)
        port = self.address.rpartition(":")[2]
        command = [
            *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", str(self.file), "--engine", "sim"),
            *("--home", str(self.home), "--port", f"80={port}", "--admin", "127.0.0.1:0", "--output", "json"),
        ]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            self.admin = event.get("admin", self.admin)
            if event["event"] == "ready":
                threading.Thread(target=self.process.stdout.read, daemon=True).start()
                return
        raise AssertionError(self._log.read_text())

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(BOUND)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise

    def write(self, text: str) -> None:
        """Edit the manifest in one step."""
        draft = self.file.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.file)

    def ask(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and answer of the admin API; a ``body`` is posted."""
        connection = http.client.HTTPConnection(urlsplit(self.admin).netloc, timeout=30.0)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"content-type": "application/json"}
            connection.request("GET" if body is None else "POST", path, payload, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "modelyard.cli.main", *arguments, "--home", str(self.home)]
        return subprocess.run(command, capture_output=True, text=True, timeout=BOUND, check=False)

    def rollout(self) -> dict[str, Any]:
        """The one Deployment."""
        return dict(self.ask("/api/rollouts")[1]["rollouts"][0])

    def progress(self) -> tuple[str, str]:
        """Status and reason of the Progressing condition."""
        found = next(one for one in self.rollout()["conditions"] if one["type"] == "Progressing")
        return found["status"], found["reason"]

    def pids(self) -> dict[str, int]:
        """Of replicas that do not stop, by name."""
        rows = self.ask("/api/replicas")[1]["replicas"]
        return {row["name"]: row["pid"] for row in rows if row["phase"] not in ("Stopping", "Stopped") and row["pid"]}


async def until(condition: Callable[[], object], what: str, seconds: float = BOUND) -> None:
    """Wait for a state that asking takes time for; fails with ``what`` where it does not come."""
    end = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def streaming(yard: SimYard) -> AsyncIterator[Load]:
    """Several clients that ask for streams without a pause; every stream must be whole."""
    load = Load(yard.address, "m", TOKENS)
    over = asyncio.Event()
    running = asyncio.create_task(load.run(CLIENTS, more=lambda: not over.is_set()))
    try:
        await until(lambda: load.finished >= CLIENTS, "streams are served")
        yield load
    finally:
        over.set()
        await running
    check_whole(load.streams)


def check_whole(streams: list[Stream]) -> None:
    broken = [one for one in streams if not one.whole]
    assert not broken, (len(broken), len(streams), broken[:3])
    assert all(one.usage["completion_tokens"] == TOKENS for one in streams)


@pytest.fixture(scope="module")
def shared_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimYard]:
    yard = SimYard(tmp_path_factory.mktemp("yard"))
    try:
        yard.start(manifest())
        yield yard
    finally:
        yard.end()


@pytest.fixture
def own_yard(tmp_path: Path) -> Iterator[SimYard]:
    """Not started."""
    yard = SimYard(tmp_path)
    try:
        yield yard
    finally:
        yard.end()
