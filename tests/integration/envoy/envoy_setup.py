"""A real Envoy with the configuration of ``modelyard envoy-config``, real pickers and routers, and their ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from edge_manifests import manifests

from modelyard.local.envoy import find_envoy

SECONDS = 60.0


def until(what: Callable[[], bool], why: str, seconds: float = SECONDS, log: Path | None = None) -> None:
    """Poll ``what`` until it holds. Where it does not come, ``why`` is told, and what ``log`` says by then."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, why if log is None else f"{why}: {log.read_text()}"
        time.sleep(0.05)


def takes_connections(host: str, port: int) -> bool:
    """Whether somebody listens."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


class Running:
    """One process with its children."""

    def __init__(self, command: list[str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)

    def family(self) -> list[int]:
        """The process and all that it started."""
        found, at = [self.process.pid], 0
        while at < len(found):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{found[at]}/task/{found[at]}/children").read_text()
                found += [int(word) for word in text.split()]
            at += 1
        return found

    def signal(self, number: int) -> None:
        """To the process and all that it started, itself first: it must not start what died anew."""
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def terminate(self) -> None:
        """SIGTERM, as Kubernetes sends it."""
        self.process.send_signal(signal.SIGTERM)

    def close(self) -> None:
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        self.process.wait(10)


def modelyard(*arguments: str) -> list[str]:
    """The command line of a subcommand."""
    return [sys.executable, "-m", "modelyard.cli.main", *arguments]


class Setup:
    """Envoy on one address, picker and router on others, with manifests and logs in ``folder``."""

    def __init__(self, folder: Path, block: str, more: str = "", files: Mapping[str, str] | None = None) -> None:
        """``block``: first three numbers of a /24 of loopback addresses that is ours; ``more``: manifests to add;
        ``files``: the manifests in place of our own, by file name."""
        self.folder = folder
        self.edge, self.picker_host, self.router_host = f"{block}.1", f"{block}.2", f"{block}.5"
        self.standby_host = f"{block}.7"
        self.backend_hosts, self.unready_host = (f"{block}.3", f"{block}.4"), f"{block}.6"
        self.manifests = folder / "manifests"
        self.manifests.mkdir()
        for name, text in (files or {"all.yaml": manifests(self.backend_hosts, self.unready_host) + more}).items():
            (self.manifests / name).write_text(text)
        self._running: list[Running] = []

    def envoy(self, *options: str, silence: float = 30.0, threads: int = 1, standby: bool = False) -> Running:
        """Make the configuration and run Envoy with it. ``silence``: long where no picker hangs on purpose, since
        machines that run tests are busy. ``standby``: others stand in for picker and router."""
        config = self.folder / "envoy.yaml"
        picker, router = f"{self.picker_host}:9002", f"{self.router_host}:9004"
        if standby:
            picker, router = f"{picker},{self.standby_host}:9002", f"{router},{self.standby_host}:9004"
        options = ("--picker", picker, "--router", router, "--bind", self.edge, "--silence", str(silence), *options)
        command = modelyard("envoy-config", "-f", str(self.manifests), "--output", str(config), *options)
        command += ["--access-log", str(self.folder / "access.log")]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
        running = self.run_envoy(config, threads)
        until(lambda: takes_connections(self.edge, 8080), "Envoy does not listen", log=running.log)
        return running

    def run_envoy(self, config: Path, threads: int = 1) -> Running:
        """An Envoy with a configuration of the test's own."""
        found = find_envoy()
        assert found is not None
        flags = ("--disable-hot-restart", "--concurrency", str(threads), "--log-level", "error")
        return self._run([found.path, "-c", str(config), *flags], f"{config.stem}.log")

    def picker(self, *options: str, standby: bool = False) -> Running:
        """``modelyard epp`` for every pool of the manifests, ready to pick. ``standby``: the one that stands in."""
        ports = ("--grpc-port", "9002", "--grpc-health-port", "9003", "--metrics-port", "9090")
        return self._server("epp", self.standby_host if standby else self.picker_host, 9002, *ports, *options)

    def router(self, *, standby: bool = False) -> Running:
        """``modelyard bbr``."""
        ports = ("--grpc-port", "9004", "--grpc-health-port", "9005", "--metrics-port", "9091")
        return self._server("bbr", self.standby_host if standby else self.router_host, 9004, *ports)

    def gateway(self) -> Running:
        """``modelyard gateway --edge envoy``: Envoy, picker and router of one command."""
        options = ("--edge", "envoy", "--bind", self.edge, "--admin", "127.0.0.1:0", "--silence", "30")
        options += ("--home", str(self.folder / "gateway-home"))
        return self._run(modelyard("gateway", "-f", str(self.manifests), *options), "gateway.log")

    def _server(self, name: str, host: str, port: int, *options: str) -> Running:
        home = self.folder / f"{name}-{host}"
        common = ("-f", str(self.manifests), "--bind", host, "--no-secure-serving", "--home", str(home))
        running = self._run(modelyard(name, *common, *options), f"{name}-{host}.log")
        until(lambda: takes_connections(host, port), f"{name} does not listen", log=running.log)
        return running

    def _run(self, command: list[str], log: str) -> Running:
        running = Running(command, self.folder / log)
        self._running.append(running)
        return running

    def close(self) -> None:
        for running in reversed(self._running):
            running.close()


@contextlib.contextmanager
def setup(folder: Path, block: str, more: str = "", files: Mapping[str, str] | None = None) -> Iterator[Setup]:
    """A :class:`Setup` that leaves nothing behind."""
    made = Setup(folder, block, more, files)
    try:
        yield made
    finally:
        made.close()
