"""A running gateway with the numbers that tell how it is: what is open, what was counted, what was logged, and how much
memory its worker takes."""

from __future__ import annotations

import http.client
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import running_gateway
from plain_client import Address
from prometheus_client.parser import text_string_to_metric_families
from running_gateway import RunningGateway

HOST = "127.0.0.1"


class WorkerProcess(NamedTuple):
    """A data-plane worker as the system shows it."""

    pid: int
    rss_kib: int


def until(condition: Callable[[], object], what: str, seconds: float = 15.0) -> None:
    """Wait for a state; fails with ``what`` where it does not come."""
    running_gateway.until(condition, seconds, what)


class WatchedGateway(RunningGateway):
    """One Gateway on port 80 of ``manifests``, for the time of a ``with`` block."""

    def __init__(self, root: Path, manifests: str, *more: str, bind: str = HOST) -> None:
        """``more``: further arguments."""
        super().__init__(root, bind=bind, more=("--verbose", "--drain", "1", *more))
        self._manifests = manifests
        self.access_log = self.home / "logs" / "access.log"

    def __enter__(self) -> WatchedGateway:
        try:
            self.start({"manifests.yaml": self._manifests})
        except BaseException as failure:
            failure.add_note(self.log()[-3000:])
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def port(self) -> int:
        return self.local_port[80]

    @property
    def place(self) -> Address:
        """Where it listens."""
        return self.bind, self.port

    def ask_admin(self, path: str, body: Any = None) -> tuple[int, str]:
        """Status and text of an answer of the admin API; a ``body`` is posted."""
        connection = http.client.HTTPConnection(urlsplit(self.admin).netloc, timeout=15.0)
        try:
            payload = None if body is None else json.dumps(body)
            headers = {"content-type": "application/json"}
            connection.request("GET" if body is None else "POST", path, payload, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def endpoints(self) -> list[dict[str, Any]]:
        """Every endpoint of every backend, as ``/api/fleet`` shows it; with ``backend``."""
        backends = self.get("/api/fleet")["backends"]
        return [{**item, "backend": backend["name"]} for backend in backends for item in backend["endpoints"]]

    def all_ready(self) -> bool:
        """Every known endpoint takes traffic and has said which models it has."""
        return all(item["ready"] and item["models"] is not None for item in self.endpoints())

    def in_flight(self) -> int:
        return sum(item["inFlight"] for item in self.endpoints())

    def restarts(self) -> int:
        """How often a worker died and was started again."""
        return sum(worker["restarts"] for worker in self.get("/api/summary")["workers"])

    def metric(self, name: str, **labels: str) -> float:
        """Sum of all samples of ``name`` that have ``labels``."""
        page = self.ask_admin("/metrics")[1]
        lines = "\n".join(line for line in page.split("\n") if line.startswith(name))
        families = text_string_to_metric_families(lines + "\n")
        samples = [sample for family in families for sample in family.samples if sample.name == name]
        return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())

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
