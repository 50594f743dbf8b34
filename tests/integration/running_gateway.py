"""A real ``modelyard gateway`` process that serves a folder of manifests, and what its admin API says."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from plain_client import Address

STARTS_WITHIN = 30.0
SERVES_WITHIN = 60.0
"""Workers, and with ``--edge`` a router and Envoy, start one after the other."""
APPLIES_WITHIN = 15.0
STOPS_WITHIN = 20.0
_REVISION = "0-revision.yaml"
"""Files are read by name, so this one is read first: what is read after its new content is new as well."""


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Poll until the condition gives something true; give it back."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return found


def free_ports(count: int, host: str) -> list[int]:
    """Ports that are free on ``host``."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for item in sockets:
            item.bind((host, 0))
        return [item.getsockname()[1] for item in sockets]
    finally:
        for item in sockets:
            item.close()


class RunningGateway:
    """Started by ``start``, ended by ``stop``; between them ``apply`` changes the manifests."""

    def __init__(
        self, root: Path, *, bind: str = "127.0.0.1", ports: Iterable[int] = (80,), more: tuple[str, ...] = ()
    ):
        """``ports``: Gateway ports that get a free local port each. ``more``: further arguments."""
        self.folder = root / "manifests"
        self.folder.mkdir(parents=True)
        self.home = root / "home"
        self.bind = bind
        wanted = list(ports)
        self.local_port = dict(zip(wanted, free_ports(len(wanted), bind), strict=True))
        self._more = more
        self._log = root / "log.txt"
        self._revision = 0
        self._process: subprocess.Popen[bytes] | None = None
        self.admin = ""

    # ── life ──

    def start(self, files: Mapping[str, str] | None = None) -> None:
        """Write the manifests, start, and wait until they are served."""
        self._write(files or {})
        arguments = [sys.executable, "-m", "modelyard.cli.main", "gateway", "-f", str(self.folder)]
        arguments += ["--bind", self.bind, "--admin", "127.0.0.1:0", "--home", str(self.home), *self._more]
        for port, local in self.local_port.items():
            arguments += ["--port", f"{port}={local}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "COLUMNS": "2000"}
            )
        until(self._reachable, STARTS_WITHIN, "the admin API is up")
        self._await_revision(SERVES_WITHIN)

    def stop(self) -> None:
        """End it by SIGTERM; nothing may be left: no process, no yard file."""
        process = self._process
        if process is None:
            return
        children = _children(process.pid)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPS_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"the gateway does not stop:\n{self.log()}") from None
        self._process = None
        assert code == 0, f"ended with {code}:\n{self.log()}"
        until(lambda: not any(_alive(pid) for pid in children), 5, "the workers are gone")
        assert not (self.home / "yard.json").exists()

    def log(self) -> str:
        """What the process printed."""
        return self._log.read_text(errors="replace")

    def _reachable(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the gateway ended at start:\n{self.log()}"
        try:
            self.admin = json.loads((self.home / "yard.json").read_text())["admin_url"]
        except (OSError, ValueError):
            return False
        return True

    # ── manifests ──

    def apply(self, files: Mapping[str, str | None]) -> None:
        """Write files (None: remove) and wait until the gateway serves what is then in the folder."""
        self._write(files)
        self._await_revision()

    def write(self, name: str, text: str | None) -> None:
        """Write or remove one file, as one step, without waiting."""
        self._write_together({name: text})

    def _write(self, files: Mapping[str, str | None]) -> None:
        self._revision += 1
        at = f"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: revision}}, data: {{at: '{self._revision}'}}}}"
        self._write_together({**files, _REVISION: at})

    def _write_together(self, files: Mapping[str, str | None]) -> None:
        """In the order given, each in one step; little happens between these."""
        drafts = {name: self.folder / f".{name}.draft" for name in files}
        for name, text in files.items():
            if text is not None:
                drafts[name].write_text(text)
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink(missing_ok=True)
            else:
                drafts[name].replace(path)

    def _await_revision(self, seconds: float = APPLIES_WITHIN) -> None:
        """The folder as it was last written is loaded, and every worker serves it."""
        until(self._applied, seconds, f"revision {self._revision} is served:\n{self.log()[-3000:]}")

    def _applied(self) -> bool:
        found = self.resource("ConfigMap", "default", "revision")
        if found is None or found["data"]["at"] != str(self._revision):
            return False
        state = self.get("/readyz")
        return bool(state["generation"] >= state["wantedGeneration"])

    # ── the admin API ──

    def get(self, path: str) -> dict[str, Any]:
        """A JSON answer of the admin API, whatever its status."""
        try:
            with urllib.request.urlopen(self.admin + path, timeout=5) as answer:  # noqa: S310 - on loopback
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def resource(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        """One object with its status; None: it is not there."""
        query = f"kind={kind}&name={name}" + (f"&namespace={namespace}" if namespace else "")
        items = self.get(f"/api/resources?{query}")["items"]
        return items[0] if items else None

    def status(self, kind: str, namespace: str, name: str) -> dict[str, Any]:
        """The status of one object."""
        found = self.resource(kind, namespace, name)
        assert found is not None, f"{kind} {namespace}/{name} is not there"
        return dict(found["status"])

    def address(self, gateway: str, port: int = 80) -> Address:
        """Where a Gateway (``namespace/name``) listens for its ``port``, by ``status.addresses``."""
        addresses = self.status("Gateway", *gateway.split("/")).get("addresses", [])
        assert addresses, f"Gateway {gateway} has no address"
        return str(addresses[0]["value"]), self.local_port.get(port, port)

    def ready_endpoints(self) -> dict[str, int]:
        """Number of ready endpoints by backend."""
        backends = self.get("/api/fleet")["backends"]
        return {item["name"]: sum(e["ready"] for e in item["endpoints"]) for item in backends}


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
