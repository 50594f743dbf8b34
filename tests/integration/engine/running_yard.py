"""``modelyard up`` as users run it, on real engines: a process, its replicas, and what is left of them afterwards."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from modelyard.local.engines import find_vllm

REPOSITORY = Path(__file__).parents[3]
QUICKSTART = REPOSITORY / "examples" / "quickstart"
ENGINE = [
    pytest.mark.engine,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_vllm() is None, reason="no vLLM here; `modelyard engines install vllm` installs one"),
]
"""Marks of a module that needs real engines."""
START_SECONDS = 400.0
END_SECONDS = 180.0
"""Open streams end, or their drain does."""


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait for a state; fails with ``what`` where it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class RunningYard:
    """Started by ``start``, ended by ``end`` whatever happened in between."""

    def __init__(self, directory: Path, manifests: Mapping[str, str], *options: str) -> None:
        """``manifests``: file name -> text."""
        self.home, self.manifests = directory / "home", directory / "manifests"
        self.manifests.mkdir(parents=True)
        for name, text in manifests.items():
            (self.manifests / name).write_text(text)
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.events: list[dict[str, Any]] = []
        self.start_seconds = 0.0
        self._options = options
        self._log = directory / "up.log"
        self._process: subprocess.Popen[str] | None = None

    # ── life ──

    def start(self) -> None:
        """Return when every replica is ready."""
        began = time.monotonic()
        command = [
            *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", str(self.manifests)),
            *("--port", f"80={self.port}", "--admin", "127.0.0.1:0", "--home", str(self.home)),
            *("--engine", "vllm", "--output", "json", *self._options),
        ]
        with self._log.open("w") as log:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self._read_events, daemon=True).start()
        until(lambda: self._has("ready") or not self.running, "ready, or ended", START_SECONDS)
        assert self._has("ready"), self._log.read_text()
        self.start_seconds = time.monotonic() - began

    def end(self) -> None:
        """Leave nothing behind, also after a failure."""
        if self.running:
            self.signal(signal.SIGTERM)
        try:
            self.exit_code(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
        until(lambda: not self.leftovers(), f"nothing left of {self.home}", 30.0)

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def signal(self, number: int) -> None:
        """Send a signal to the control process."""
        assert self._process is not None
        self._process.send_signal(number)

    def exit_code(self, seconds: float) -> int | None:
        """Wait for the control process; None: it was never started."""
        return None if self._process is None else self._process.wait(seconds)

    def leftovers(self) -> set[int]:
        """Processes of this yard: everything that works in its home, and everything below the control process."""
        below = family_of(self.pid) if self.running else set()
        return below | {pid for pid in all_pids() if str(self.home) in working_place(pid)}

    def temporary_files(self) -> set[str]:
        """Of this yard: those in its home, and those that its processes have outside of it, as far as they show. A
        checkout or an environment may lie among them and is none."""
        found: set[str] = set().union(*map(temporary_files_of, self.leftovers()))
        inside = {str(folder) for folder in (self.home / "replicas").glob("*/tmp")}
        elsewhere = (f"{self.home.parent}/", f"{REPOSITORY}/", f"{sys.prefix}/")
        return inside | {path for path in found if not path.startswith(elsewhere)}

    # ── what it says ──

    def cli(self, *arguments: str) -> str:
        """What a subcommand prints."""
        command = [sys.executable, "-m", "modelyard.cli.main", *arguments, "--home", str(self.home)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=END_SECONDS, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def cli_json(self, *arguments: str) -> Any:
        return json.loads(self.cli(*arguments, "--output", "json"))

    def admin(self, path: str, body: object = None) -> Any:
        """The admin API's answer."""
        url = next(event["admin"] for event in self.events if event["event"] == "starting") + path
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(url, data, headers)  # noqa: S310 - our own admin API
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read())

    def replicas(self) -> dict[str, Any]:
        """By name, as ``modelyard ps`` shows them."""
        return {item["name"]: item for item in self.admin("/api/replicas")["replicas"]}

    def endpoints(self, pool: str) -> dict[str, Any]:
        """By replica name, as the gateway sees them."""
        backends = self.admin("/api/fleet")["backends"]
        rows = next(item["endpoints"] for item in backends if item["name"] == f"InferencePool/default/{pool}")
        return {row["name"]: row for row in rows}

    def _has(self, event: str) -> bool:
        return any(item["event"] == event for item in self.events)

    def _read_events(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        self.events.extend(json.loads(line) for line in self._process.stdout)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_open(address: str) -> bool:
    """Whether somebody listens on ``host:port``."""
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, int(port))) == 0


def all_pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def working_place(pid: int) -> str:
    """Working directory and command of a process; empty: it is gone, or a zombie."""
    try:
        process = Path(f"/proc/{pid}")
        return f"{os.readlink(process / 'cwd')} {(process / 'cmdline').read_bytes().decode(errors='replace')}"
    except OSError:
        return ""


MACHINES_OWN = ("/tmp/", "/dev/shm/")
"""Where files of all programs of a machine lie together."""


def temporary_files_of(pid: int) -> set[str]:
    """What a process holds there (sockets, shared memory, open files), and the folder it is told to use instead."""
    try:
        held = {os.readlink(entry) for entry in Path(f"/proc/{pid}/fd").iterdir()}
        mapped = {line.split(maxsplit=5)[-1] for line in Path(f"/proc/{pid}/maps").read_text().splitlines()}
        environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return set()
    sockets = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
    bound = {words[-1] for words in sockets if f"socket:[{words[6]}]" in held}
    told = dict(word.partition("=")[::2] for word in environment).get("TMPDIR", "")
    own = {told} if told != os.environ.get("TMPDIR", "") else set()
    return own | {path for path in held | mapped | bound if path.startswith(MACHINES_OWN) and Path(path).exists()}


def family_of(pid: int) -> set[int]:
    """A process and all below it."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return set()
    return {pid}.union(*(family_of(int(child)) for child in below))


def executable_of(pid: int) -> str:
    """Name of the file that a process runs; empty: it is gone."""
    try:
        return Path(os.readlink(f"/proc/{pid}/exe")).name
    except OSError:
        return ""


def resident_mib(pid: int) -> dict[str, int]:
    """``rss`` and ``pss`` (shared pages divided among those who share them) of a process and all below it, in MiB."""
    total = {"rss": 0, "pss": 0}
    for member in family_of(pid):
        for line in _memory_lines(member):
            name, _, rest = line.partition(":")
            if name.lower() in total:
                total[name.lower()] += int(rest.split()[0])
    return {name: kib // 1024 for name, kib in total.items()}


def _memory_lines(pid: int) -> list[str]:
    """None of a process that is gone."""
    try:
        return Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return []
