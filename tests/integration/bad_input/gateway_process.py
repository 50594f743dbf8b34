"""``modelyard gateway`` as users run it: a process with a home of its own, on free ports of the loopback address."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

HOST = "127.0.0.1"
_START_SECONDS = 30.0


class WorkerProcess(NamedTuple):
    """A data-plane worker as the system shows it."""

    pid: int
    rss_kib: int


def until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Wait for a state; fails with ``what`` where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


class GatewayProcess:
    """Started by ``with``; ends with the block, whatever happened in it."""

    def __init__(self, folder: Path, manifests: str, arguments: Iterable[str] = ()) -> None:
        self.folder = folder
        self.port = free_port()
        self.manifests = folder / "manifests.yaml"
        self.manifests.write_text(manifests)
        self.access_log = folder / "access.log"
        self.output = folder / "output.txt"
        self.errors = folder / "errors.txt"
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = ("", 0)

    def __enter__(self) -> GatewayProcess:
        command = [
            *(sys.executable, "-m", "modelyard.cli.main", "gateway", "-f", str(self.manifests)),
            *("--bind", HOST, "--port", f"80={self.port}", "--admin", f"{HOST}:0", "--home", str(self.folder / "home")),
            *("--access-log", str(self.access_log), "--drain", "1", "--verbose", "--output", "json"),
            *self._arguments,
        ]
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self._process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL)
        try:
            until(self._started, "the gateway started", _START_SECONDS)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def _started(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the gateway ended with {self._process.returncode}: {self.errors.read_text()}")
        if not self._admin[1]:
            first = self.output.read_text().partition("\n")
            if not first[1]:
                return False
            host, _, port = json.loads(first[0])["admin"].removeprefix("http://").rpartition(":")
            self._admin = (host, int(port))
        return self.admin("/readyz")[0] == 200

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(15.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5.0)

    # -- the admin side

    def admin(self, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of an answer of the admin API; a ``body`` is posted."""
        connection = http.client.HTTPConnection(*self._admin, timeout=15.0)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request("GET" if body is None else "POST", path, payload)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def endpoints(self) -> list[dict[str, Any]]:
        """Every endpoint of every backend, as ``/api/fleet`` shows it; with ``backend``."""
        report = json.loads(self.admin("/api/fleet")[1])
        return [{**item, "backend": backend["name"]} for backend in report["backends"] for item in backend["endpoints"]]

    def all_ready(self) -> bool:
        """Every known endpoint takes traffic and has said which models it has, where it says that at all."""
        return all(item["ready"] and item["models"] is not None for item in self.endpoints())

    def in_flight(self) -> int:
        return sum(item["inFlight"] for item in self.endpoints())

    def metric(self, name: str, **labels: str) -> float:
        """Sum of all samples of ``name`` that have ``labels``."""
        return sum(value for found, value in self.samples(name) if labels.items() <= found.items())

    def samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        page = self.admin("/metrics")[1]
        lines = "\n".join(line for line in page.split("\n") if line.startswith(name))
        families = text_string_to_metric_families(lines + "\n")
        return [(s.labels, s.value) for family in families for s in family.samples if s.name == name]

    def log_lines(self) -> list[dict[str, Any]]:
        """The access log so far; every line must be one JSON object."""
        lines = [json.loads(line) for line in self.access_log.read_bytes().split(b"\n") if line]
        assert all(isinstance(line, dict) for line in lines)
        return lines

    def worker(self) -> WorkerProcess:
        """The one data-plane worker."""
        assert self._process is not None
        listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,rss="], capture_output=True, text=True, check=True)
        rows = [tuple(map(int, line.split())) for line in listing.stdout.splitlines()]
        children = [WorkerProcess(pid, rss) for pid, parent, rss in rows if parent == self._process.pid]
        assert len(children) == 1, children
        return children[0]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
