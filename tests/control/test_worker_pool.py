from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from modelyard import __version__
from modelyard.control import worker_pool
from modelyard.control.worker_handle import Worker
from modelyard.control.worker_pool import EXT_PROC, WorkerPool
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.worker import protocol

LOG = str(Path("log").absolute())


def pool_at(path: Path, count: int = 1, kind: str = worker_pool.PROXY) -> WorkerPool:
    return WorkerPool(count, path, kind=kind, access_log="log", on_failure=lambda address, at: None)


def command_of(pool: WorkerPool) -> tuple[str, ...]:
    return pool._command(Worker(1))


def test_either_kind_is_started(tmp_path: Path) -> None:
    path = tmp_path / "s"
    assert command_of(pool_at(path))[1:4] == ("-m", "modelyard.worker.start", "modelyard.proxy.worker")
    command = command_of(pool_at(path, 2, EXT_PROC))
    assert command[1:] == (
        *(
            "-m",
            "modelyard.worker.start",
            "modelyard.extproc.worker",
            "--control",
            str(path),
            "--worker",
            "1",
        ),
        *("--access-log", LOG, "--reuse-port"),
    )


def test_a_worker_that_comes_gets_fleet_and_configuration(tmp_path: Path) -> None:
    """And is told whether the endpoints were looked at."""
    key = BackendKey(kind="InferencePool", namespace="default", name="p")
    state = EndpointState(endpoint=Endpoint(address="127.0.0.1:1"))
    fleet = Fleet(backends={key: BackendFleet(key=key, endpoints=(state,), version=1)}, version=1)

    async def test() -> None:
        pool = pool_at(tmp_path / "s")
        await pool.listen()
        pool.workers[0].process = cast(Any, SimpleNamespace(pid=1, returncode=0))
        pool.configure(protocol.Configure(generation=7, resources=b""))
        pool.update_fleet(fleet, checked=True)
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        writer.write(protocol.frame(protocol.Hello(worker=0, pid=1, version=__version__)))
        first = await protocol.read_to_worker(reader)
        assert isinstance(first, protocol.FleetUpdate)
        assert (first.whole, first.checked) == (True, True)
        second = await protocol.read_to_worker(reader)
        assert isinstance(second, protocol.Configure)
        assert (second.generation, second.access_log) == (7, LOG)
        assert pool.generation == 0
        writer.write(protocol.frame(protocol.Configured(generation=7)))
        async with asyncio.timeout(5):
            while pool.generation != 7:  # noqa: ASYNC110 - the state is in the pool
                await asyncio.sleep(0.005)
        writer.close()
        await pool.workers[0].left.wait()
        await pool.stop(0.0)

    asyncio.run(test())


def test_a_pool_that_never_listened_leaves_the_socket_of_another_alone(tmp_path: Path) -> None:
    async def test() -> None:
        running, refused = pool_at(tmp_path / "s"), pool_at(tmp_path / "s")
        await running.listen()
        await refused.stop(0.0)
        assert (tmp_path / "s").exists()
        await running.stop(0.0)
        assert not (tmp_path / "s").exists()

    asyncio.run(test())
