"""A control process that is killed loses nothing: its workers serve on, and the next one takes them over."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

WITHIN = 30.0
BODY = b'{"model": "base", "prompt": "a", "max_tokens": 1}'

pytestmark = pytest.mark.integration
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="children are found under /proc")


class Control:
    """``modelyard up URL`` in one home, started again and again."""

    def __init__(self, home: Path, host: str, server: str, workers: int) -> None:
        """``host``: a loopback address that no other test uses."""
        self._command = [
            *(sys.executable, "-m", "modelyard.cli.main", "up", server, "--home", str(home), "--output", "json"),
            *("--bind", host, "--admin", "127.0.0.1:0", "--port", f"80={_free_port(host)}", "--workers", str(workers)),
        ]

    def start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "starting":
                self.admin = event["admin"]
            elif event["event"] == "ready":
                self.address = event["address"]
                return process
        raise AssertionError("it did not become ready")

    def summary(self) -> dict[str, Any]:
        return dict(json.loads(_ask("GET", self.admin, "/api/summary")[1]))


@pytest.fixture
def server() -> Iterator[str]:
    """A simulated model server."""
    command = [
        sys.executable,
        "-m",
        "modelyard.cli.main",
        "sim",
        "base",
        "--port",
        "0",
        "--instant",
        "--output",
        "json",
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("]"):
            break
    yield json.loads("".join(lines))[0]["url"]
    _end(process)


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_lost(workers: int, server: str, tmp_path: Path, own_address: str) -> None:
    control = Control(tmp_path, own_address, server, workers)
    first = control.start()
    stop, codes = threading.Event(), []
    client = threading.Thread(target=_ask_until, args=(control.address, stop, codes))
    client.start()
    try:
        _until(lambda: len(codes) > 5)
        _kill(first)
        served = len(codes)
        _until(lambda: len(codes) > served + 20)
        second = control.start()
        served = len(codes)
        _until(lambda: len(codes) > served + 20)
    finally:
        stop.set()
        client.join()
    try:
        assert set(codes) == {200}
        summary = control.summary()
        assert [worker["connected"] for worker in summary["workers"]] == [True] * workers
        assert [worker["restarts"] for worker in summary["workers"]] == [0] * workers
    finally:
        _end(second)
    assert second.returncode == 0
    assert _code(control.address) == 0


@linux_only
def test_a_worker_that_was_taken_over_is_replaced_when_it_dies(server: str, tmp_path: Path, own_address: str) -> None:
    control = Control(tmp_path, own_address, server, 1)
    first = control.start()
    (worker,) = _children(first.pid)
    _kill(first)
    second = control.start()
    try:
        os.kill(worker, signal.SIGKILL)
        _until(
            lambda: control.summary()["workers"][0]["restarts"] == 1 and control.summary()["workers"][0]["connected"]
        )
        _until(lambda: _code(control.address) == 200)
    finally:
        _end(second)


@linux_only
def test_workers_that_do_not_fit_finish_and_leave(server: str, tmp_path: Path, own_address: str) -> None:
    """Two workers share their ports, one has them alone: such a worker cannot be one of two."""
    first = Control(tmp_path, own_address, server, 1).start()
    (worker,) = _children(first.pid)
    _kill(first)
    second = Control(tmp_path, own_address, server, 2).start()
    try:
        _until(lambda: not Path(f"/proc/{worker}").exists())
    finally:
        _end(second)


def _kill(process: subprocess.Popen[str]) -> None:
    """As ``kill -9`` does. What it left has its standard output still, so that has no end."""
    process.kill()
    process.wait(WITHIN)
    assert process.stdout is not None
    process.stdout.close()


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=WITHIN)


def _ask_until(address: str, stop: threading.Event, codes: list[int]) -> None:
    while not stop.is_set():
        codes.append(_code(address))


def _code(address: str) -> int:
    """Status of a small request; 0: nothing answered."""
    try:
        return _ask("POST", address, "/v1/completions", BODY)[0]
    except OSError:
        return 0


def _ask(method: str, address: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=WITHIN)
    try:
        connection.request(method, path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _until(condition: Any) -> None:
    end = time.monotonic() + WITHIN
    while True:
        with contextlib.suppress(OSError):
            if condition():
                return
        assert time.monotonic() < end
        time.sleep(0.02)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
