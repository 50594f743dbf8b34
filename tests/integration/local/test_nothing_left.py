"""Temporary files of engines: each replica's lie together, and go with its process, however that ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from multiprocessing import shared_memory
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from modelyard.local import supervisor
from modelyard.local.home import Home
from modelyard.local.machine import read_machine
from modelyard.local.plan_context import PlanContext
from modelyard.local.process import EngineProcess
from modelyard.local.replica_plan import EngineMode, EngineProgram
from modelyard.local.status import ReplicaStatus
from modelyard.local.supervisor import LocalRunner
from modelyard.local.temporary_folders import temporary_root
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

pytestmark = pytest.mark.integration
Until = Callable[[Callable[[], bool], str], Awaitable[None]]

ENGINE = """
import http.server, os, socket, sys, tempfile, uuid
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
sockets = [socket.socket(socket.AF_UNIX) for _ in range(3)]
sockets[0].bind(f"{os.getenv('VLLM_RPC_BASE_PATH', tempfile.gettempdir())}/{uuid.uuid4()}")
sockets[1].bind(tempfile.mkdtemp(prefix="pymp-") + "/listener-12345678")
sockets[2].bind(f"{tempfile.gettempdir()}/vllm_dist_{uuid.uuid4().hex}")
print("at", tempfile.gettempdir(), flush=True)
option = dict(word.split("=", 1) for word in sys.argv if "=" in word)
http.server.HTTPServer((option["--host"], int(option["--port"])), Healthy).serve_forever()
"""
"""Leaves what vLLM leaves when a signal ends it."""

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m}
spec:
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec:
      containers: [{name: vllm, image: "vllm/vllm-openai:v0.32.0", args: [--model=/]}]
"""


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for vLLM."""

    def context(home: Home, mode: EngineMode) -> PlanContext:
        program = EngineProgram(kind="vllm", command=(sys.executable, "-c", ENGINE))
        machine = msgspec.structs.replace(read_machine(), has_gpu=False)
        return PlanContext(home=str(home.root), machine=machine, engine=program)

    monkeypatch.setattr(supervisor, "read_context", context)


@pytest.fixture(params=["short", "deep"])
def home(request: pytest.FixtureRequest) -> Iterator[Home]:
    with TemporaryDirectory(dir="/tmp", prefix="h") as folder:
        below = "a-home-whose-path-is-too-long-for-the-sockets-of-an-engine/" if request.param == "deep" else ""
        yield Home.at(f"{folder}/{below}y")


def temporary_files(home: Home) -> list[str]:
    """All below the folders that replicas of this home have for them."""
    roots = (home.replicas, Path(temporary_root(str(home.replicas))))
    return [str(path) for root in roots if root.exists() for path in root.rglob("*")]


@contextlib.asynccontextmanager
async def running(home: Home, until: Until) -> AsyncIterator[LocalRunner]:
    runner = LocalRunner(home=home)
    try:
        async with asyncio.timeout(60):
            await runner.apply(ResourceSet.of(load_documents(DEPLOYMENT, source="test.yaml").objects)[0])
            await until(lambda: replica(runner).ready, "ready")
            yield runner
    finally:
        await runner.stop()


def replica(runner: LocalRunner) -> ReplicaStatus:
    return runner.replicas()[0]


def sockets_in(home: Home) -> set[str]:
    return {path for path in temporary_files(home) if Path(path).is_socket()}


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_killed_engine_leaves_no_sockets(home: Home, until: Until, engine: None) -> None:
    async def run() -> None:
        async with running(home, until) as runner:
            first = sockets_in(home)
            assert len(first) == 3
            os.kill(replica(runner).pid or 0, signal.SIGKILL)
            await until(lambda: replica(runner).restarts == 1 and replica(runner).ready, "started again")
            second = sockets_in(home)
            assert len(second) == 3
            assert not first & second
        assert temporary_files(home) == []

    asyncio.run(run())
    assert not Path(temporary_root(str(home.replicas))).exists()


def test_what_a_killed_watchdog_leaves_is_gone_at_the_next_start(home: Home, until: Until, engine: None) -> None:
    async def run() -> None:
        async with running(home, until) as runner:
            first = sockets_in(home)
            os.kill(parent_of(replica(runner).pid or 0), signal.SIGKILL)
            await until(lambda: replica(runner).restarts == 1 and replica(runner).ready, "started again")
            assert not first & sockets_in(home)
        assert temporary_files(home) == []

    asyncio.run(run())


async def end_of(folder: Path, temporary: Path, code: str) -> int:
    process = await EngineProcess.start(
        (sys.executable, "-c", code, str(temporary)),
        env={},
        directory=folder,
        log=folder / "log",
        temporary=str(temporary),
    )
    return await process.wait()


def test_a_folder_that_somebody_made_anew_meanwhile_stays(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    anew = "import os, sys; os.rmdir(sys.argv[1]); os.mkdir(sys.argv[1])"
    assert asyncio.run(end_of(tmp_path, temporary, anew)) == 0
    assert temporary.exists()
    assert asyncio.run(end_of(tmp_path, temporary, "import sys; open(sys.argv[1] + '/left', 'w')")) == 0
    assert not temporary.exists()


SHARED_MEMORY = """
import os, sys, time
from multiprocessing import get_context, shared_memory
from pathlib import Path
held = shared_memory.SharedMemory(create=True, size=1 << 16)
lock = get_context("spawn").Lock()
Path(sys.argv[1] + ".new").write_text(f"{held.name} sem.{lock._semlock.name[1:]}")
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(600)
"""


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is no folder here")
def test_shared_memory_of_a_killed_family_is_removed(tmp_path: Path, until: Until) -> None:
    async def run() -> list[Path]:
        command = (sys.executable, "-c", SHARED_MEMORY, str(tmp_path / "names"))
        process = await EngineProcess.start(command, env={}, directory=tmp_path, log=tmp_path / "log")
        await until((tmp_path / "names").exists, "shared memory is there")
        await process.stop(0.0)
        return files()

    def files() -> list[Path]:
        paths = [Path("/dev/shm") / name for name in (tmp_path / "names").read_text().split()]
        return [path for path in paths if path.exists()]

    assert asyncio.run(run()) == []


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="shared memory is no folder here")
def test_shared_memory_that_somebody_else_uses_stays(tmp_path: Path, until: Until) -> None:
    ours = shared_memory.SharedMemory(create=True, size=1 << 16)
    attach = f"""
import sys
from multiprocessing import resource_tracker, shared_memory
held = shared_memory.SharedMemory(name={ours.name!r})
resource_tracker.unregister(held._name, "shared_memory")
open(sys.argv[1], "w").close()
import time; time.sleep(600)"""

    async def run() -> None:
        command = (sys.executable, "-c", attach, str(tmp_path / "attached"))
        process = await EngineProcess.start(command, env={}, directory=tmp_path, log=tmp_path / "log")
        await until((tmp_path / "attached").exists, "it is attached")
        await process.stop(0.0)

    try:
        asyncio.run(run())
        assert (Path("/dev/shm") / ours.name).exists()
    finally:
        ours.close()
        ours.unlink()
