"""``modelyard up`` with RayServices, on real Ray: a process, its clusters, and what is left of them afterwards."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.local.ray.engine import find_ray
from modelyard.local.temporary_folders import temporary_root

from .free_port import free_port

CODE = Path(__file__).parent / "code"
RAY = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_ray() is None, reason="no Ray here; `modelyard engines install ray` installs one"),
]
"""Marks of a module that needs real Ray."""
START_SECONDS = 400.0

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: front}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all}
spec:
  parentRefs: [{name: front}]
  rules:
  - backendRefs: [{name: hello-serve-svc, port: 8000}]
"""


def ray_service(serve_config: str, *, colour: str = "green") -> str:
    """A RayService ``hello``; ``colour`` is a variable of its cluster."""
    config = "\n".join(f"    {line}" for line in serve_config.strip().splitlines())
    return f"""
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: hello}}
spec:
  serveConfigV2: |
{config}
  rayClusterConfig:
    rayVersion: 2.54.0
    headGroupSpec:
      rayStartParams: {{dashboard-host: 0.0.0.0, num-cpus: "0"}}
      template:
        spec:
          containers:
          - name: ray-head
            image: rayproject/ray:2.54.0
            env: [{{name: COLOUR, value: {colour}}}]
            ports: [{{containerPort: 8000, name: serve}}]
"""


def greeting(text: str, *, path: str = "greeting:build", colour: str = "green") -> str:
    """The service with the application in ``code``."""
    config = f"""
applications:
- name: greeting
  route_prefix: /
  import_path: {path}
  args: {{text: {text}}}
  runtime_env: {{working_dir: code}}
"""
    return ray_service(config, colour=colour)


def until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> float:
    """Wait for a state; returns how long that took. Fails with ``what`` where it does not come."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


class RayYard:
    """Started by ``start``, ended by ``end`` whatever happened in between."""

    def __init__(self, directory: Path, service: str, *options: str) -> None:
        self.home, self.manifests = directory / "home", directory / "manifests"
        self.manifests.mkdir(parents=True)
        shutil.copytree(CODE, self.manifests / "code", ignore=shutil.ignore_patterns("__pycache__"))
        (self.manifests / "gateway.yaml").write_text(GATEWAY)
        self.write(service)
        self.address = f"http://127.0.0.1:{free_port()}"
        self.start_seconds = 0.0
        self._options = options
        self._log = directory / "up.log"
        self._admin = ""
        self._events: list[dict[str, Any]] = []
        self._process: subprocess.Popen[str] | None = None

    def write(self, service: str) -> None:
        """Change the manifest in one step."""
        draft = self.manifests / "ray.new"
        draft.write_text(service)
        draft.replace(self.manifests / "ray.yaml")

    def start(self) -> None:
        """Return when the service is ready."""
        port = self.address.rpartition(":")[2]
        command = [
            *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", str(self.manifests)),
            *("--port", f"80={port}", "--admin", "127.0.0.1:0", "--home", str(self.home), "--output", "json"),
            *self._options,
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self._read_events, daemon=True).start()
        self.start_seconds = until(lambda: self._event("ready") or not self.running, "ready, or ended", START_SECONDS)
        assert self._event("ready"), self._log.read_text()
        self._admin = self._event("starting")["admin"]

    def end(self) -> None:
        """Leave nothing behind, also after a failure."""
        if self.running:
            self.signal(signal.SIGTERM)
        if self._process is not None:
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
        until(lambda: not self.leftovers(), f"nothing left of {self.home}", 60.0)
        until(lambda: not self.temporary_files(), "no temporary files are left", 30.0)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the control process."""
        assert self._process is not None
        self._process.send_signal(number)

    def temporary_files(self) -> list[Path]:
        """Folders for temporary files of this yard's clusters."""
        outside = Path(temporary_root(str(self.home / "ray")))
        return [path for path in (outside, *self.home.glob("ray/*/t")) if path.exists()]

    def leftovers(self) -> list[int]:
        """Processes that name this yard's home, in their command or as their working directory."""
        return [pid for pid in all_pids() if str(self.home) in place_of(pid)]

    # ── what it says ──

    def admin(self, path: str) -> Any:
        """The admin API's answer."""
        with urllib.request.urlopen(self._admin + path, timeout=30) as answer:  # noqa: S310 - our own admin API
            return json.loads(answer.read())

    def status(self) -> dict[str, Any]:
        """``status`` of the RayService."""
        items = self.admin("/api/resources?kind=RayService")["items"]
        found: dict[str, Any] = items[0].get("status", {}) if items else {}
        return found

    def condition(self, kind: str) -> dict[str, Any]:
        found = [one for one in self.status().get("conditions", ()) if one["type"] == kind]
        return found[0] if found else {}

    def ready(self) -> bool:
        return bool(self.condition("Ready").get("status") == "True")

    def clusters(self) -> dict[str, Any]:
        """By name, as ``modelyard ps`` shows every replica."""
        return {item["name"]: item for item in self.admin("/api/replicas")["replicas"]}

    def endpoints(self) -> list[dict[str, Any]]:
        """Of the Service, as the gateway sees them."""
        backends = self.admin("/api/fleet")["backends"]
        found: list[dict[str, Any]] = next(b["endpoints"] for b in backends if "hello-serve-svc" in b["name"])
        return found

    def get(self, path: str = "/") -> tuple[int, str]:
        """Ask the gateway."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=60) as answer:  # noqa: S310 - our own gateway
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def greeting(self) -> dict[str, Any]:
        """What the application says; empty while it does not."""
        try:
            status, text = self.get()
        except OSError:
            return {}
        found: dict[str, Any] = json.loads(text) if status == 200 else {}
        return found

    def processes(self, name: str) -> list[int]:
        """Those of this yard whose command contains ``name``."""
        return [pid for pid in self.leftovers() if name in place_of(pid)]

    def _event(self, name: str) -> dict[str, Any]:
        return next((event for event in self._events if event["event"] == name), {})

    def _read_events(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self._events.extend(json.loads(line) for line in self._process.stdout)


class Load:
    """Requests one after another and streams beside them, until the block ends. ``failures``: what went wrong."""

    def __init__(self, yard: RayYard) -> None:
        self._yard = yard
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._stream)]
        self.failures: list[str] = []
        self.asked = self.streamed = 0

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            self._try("/", lambda text: "text" in text)
            self.asked += 1
            time.sleep(0.02)

    def _stream(self) -> None:
        while not self._over.is_set():
            self._try("/stream", lambda text: text.count("\n") == 12)
            self.streamed += 1

    def _try(self, path: str, whole: Callable[[str], bool]) -> None:
        try:
            status, text = self._yard.get(path)
        except OSError as error:
            self.failures.append(f"{path}: {error!r}")
            return
        if status != 200 or not whole(text):
            self.failures.append(f"{path}: {status} {text[-300:]}")


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def place_of(pid: int) -> str:
    """Working directory, command and Ray's directory of a process; empty: it is gone, or a zombie."""
    process = Path(f"/proc/{pid}")
    try:
        command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return f"{os.readlink(process / 'cwd')} {command}"
    except OSError:
        return ""
