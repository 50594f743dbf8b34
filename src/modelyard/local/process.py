"""A running replica process, from the control process's side: start it through its watchdog, stop it, wait
for it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

WATCHDOG = Path(__file__).with_name("child.py")
_PID_SECONDS = 30.0
_WATCHDOG_MARGIN = 15.0
"""Seconds beyond the grace period after which the watchdog itself is taken to be stuck. Many processes take long to die
on a busy machine, and a killed watchdog removes nothing of what they leave."""

NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
"""Variables of the control process that would lead another interpreter astray."""


class EngineProcess:
    """One engine with its watchdog. Made by ``start``."""

    def __init__(self, watchdog: asyncio.subprocess.Process, pid: int) -> None:
        self._watchdog = watchdog
        self.pid = pid
        """Process id of the engine's first process."""

    @classmethod
    async def start(
        cls, argv: Sequence[str], *, env: Mapping[str, str], directory: Path, log: Path, temporary: str = ""
    ) -> EngineProcess:
        """Start ``argv`` in ``directory``, which exists; ``temporary`` is a folder that goes when the engine is over. A
        command that cannot be executed still starts: it ends with code 127 and says so in its log. Raises OSError where
        this machine cannot start processes at all."""
        base = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        folders = (temporary,) if temporary else ()
        watchdog = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(WATCHDOG), str(os.getpid()), str(log), *folders, "--", *argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=directory,
            env={**base, **env},
            start_new_session=True,
        )
        return cls(watchdog, await _engine_pid(watchdog))

    async def wait(self) -> int:
        """The engine's exit code (128 + n for signal n), once nothing of it is left."""
        code = await self._watchdog.wait()
        if code < 0:
            self._kill_group()
            return 128 - code
        return code

    async def stop(self, grace: float) -> int:
        """SIGTERM, and SIGKILL after ``grace`` seconds; returns the exit code."""
        assert self._watchdog.stdin is not None
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._watchdog.stdin.write(f"stop {grace:.3f}\n".encode())
            await self._watchdog.stdin.drain()
        try:
            async with asyncio.timeout(grace + _WATCHDOG_MARGIN):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    def kill(self) -> None:
        """End the engine and its watchdog at once."""
        self._kill_group()
        with contextlib.suppress(ProcessLookupError):
            self._watchdog.kill()

    def _kill_group(self) -> None:
        """The engine leads its own process group."""
        if self.pid > 0:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)


async def _engine_pid(watchdog: asyncio.subprocess.Process) -> int:
    assert watchdog.stdout is not None
    try:
        async with asyncio.timeout(_PID_SECONDS):
            return int(await watchdog.stdout.readline() or 0)
    except (TimeoutError, ValueError):
        return 0
