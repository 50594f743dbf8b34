"""Processes and their watchdog: what is started is logged, stopped and never left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from modelyard.local.process import EngineProcess

pytestmark = pytest.mark.integration
Until = Callable[[Callable[[], bool], str], Awaitable[None]]

FAMILY = """
import os, signal, sys, time
stubborn = sys.argv[2] == "stubborn"
if stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
pids = [os.getpid()]
for leave in (False, True):
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if leave:
            os.setsid()
            if os.fork():
                os._exit(0)
            open(sys.argv[1] + ".escaped", "w").write(str(os.getpid()))
        time.sleep(600)
    pids.append(pid)
open(sys.argv[1] + ".draft", "w").write(" ".join(map(str, pids)))
os.rename(sys.argv[1] + ".draft", sys.argv[1])
print("family of", len(pids), flush=True)
time.sleep(600)
"""
"""A process with a child, and a grandchild that leaves the session; both ignore SIGTERM."""


async def start(folder: Path, *argv: str) -> EngineProcess:
    return await EngineProcess.start(
        [sys.executable, *argv], env={"GIVEN": "yes"}, directory=folder, log=folder / "log"
    )


async def start_family(folder: Path, until: Until, kind: str) -> tuple[EngineProcess, list[int]]:
    process = await start(folder, "-c", FAMILY, str(folder / "pids"), kind)
    escaped = folder / "pids.escaped"
    await until(lambda: (folder / "pids").exists() and escaped.exists() and bool(escaped.read_text()), "start")
    return process, [*map(int, (folder / "pids").read_text().split()), int(escaped.read_text())]


def test_output_exit_code_and_environment(tmp_path: Path) -> None:
    code = """
import os, sys
print(os.environ['GIVEN'], os.getcwd(), flush=True)
sys.stderr.write('and errors\\n')
sys.exit(7)"""

    async def run() -> int:
        process = await start(tmp_path, "-c", code)
        assert process.pid > 0
        return await process.wait()

    assert asyncio.run(run()) == 7
    assert (tmp_path / "log").read_text() == f"yes {tmp_path}\nand errors\n"


def test_a_command_that_does_not_exist_ends_with_127(tmp_path: Path) -> None:
    async def run() -> int:
        process = await EngineProcess.start(["/no/such"], env={}, directory=tmp_path, log=tmp_path / "log")
        return await process.wait()

    assert asyncio.run(run()) == 127
    assert "cannot start /no/such: No such file or directory" in (tmp_path / "log").read_text()


def test_a_signal_becomes_128_and_its_number(tmp_path: Path) -> None:
    async def run() -> int:
        process = await start(tmp_path, "-c", "import time; time.sleep(600)")
        os.kill(process.pid, signal.SIGKILL)
        return await process.wait()

    assert asyncio.run(run()) == 137


@pytest.mark.parametrize("kind", ["gentle", "stubborn"])
def test_stopping_ends_the_whole_family(tmp_path: Path, until: Until, alive: Callable[[int], bool], kind: str) -> None:
    async def run() -> tuple[int, list[int]]:
        process, pids = await start_family(tmp_path, until, kind)
        return await process.stop(0.3), pids

    code, pids = asyncio.run(run())
    assert code == (143 if kind == "gentle" else 137)
    assert not any(map(alive, pids))


def test_when_the_first_process_dies_the_rest_goes_too(
    tmp_path: Path, until: Until, alive: Callable[[int], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> list[int]:
        process, pids = await start_family(tmp_path, until, "gentle")
        os.kill(process.pid, signal.SIGKILL)
        assert await process.wait() == 137
        return pids

    assert not any(map(alive, asyncio.run(run())))


def test_when_the_watchdog_dies_the_engine_does(tmp_path: Path, until: Until, alive: Callable[[int], bool]) -> None:
    async def run() -> None:
        process, pids = await start_family(tmp_path, until, "stubborn")
        os.kill(process._watchdog.pid, signal.SIGKILL)
        await process.wait()
        await until(lambda: not any(map(alive, pids[:2])), "the engine's group ends")
        os.kill(pids[-1], signal.SIGKILL)

    asyncio.run(run())


CONTROL = """
import asyncio, sys
from pathlib import Path
from modelyard.local.process import EngineProcess
async def main():
    folder = Path(sys.argv[1])
    await EngineProcess.start([sys.executable, "-c", sys.argv[2], str(folder / "pids"), "stubborn"],
                              env={}, directory=folder, log=folder / "log", temporary=sys.argv[3])
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_kill_9_of_the_control_process_leaves_nothing(
    tmp_path: Path, until: Until, alive: Callable[[int], bool]
) -> None:
    async def run() -> None:
        temporary = tmp_path / "root" / "t"
        temporary.mkdir(parents=True)
        (temporary / "socket").touch()
        control = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CONTROL, str(tmp_path), FAMILY, str(temporary)
        )
        escaped = tmp_path / "pids.escaped"
        await until(lambda: escaped.exists() and bool(escaped.read_text()), "start")
        await until((tmp_path / "pids").exists, "start")
        pids = [*map(int, (tmp_path / "pids").read_text().split()), int(escaped.read_text())]
        assert alive(pids[0])
        control.kill()
        await control.wait()
        await until(lambda: not any(map(alive, pids)), "every process of the family ends")
        await until(lambda: not temporary.parent.exists(), "and its temporary files go")

    asyncio.run(run())
