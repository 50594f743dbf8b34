from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from modelyard.fleet.delta import diff
from modelyard.fleet.fleet import Fleet
from modelyard.http1.message_heads import RequestHead
from modelyard.resources.resource_set import ResourceSet, encode_objects
from modelyard.snapshot import Snapshot
from modelyard.worker import protocol
from modelyard.worker.life import WorkerLife, options_of
from modelyard.worker.timing_wheel import TimingWheel


class Server:
    """Remembers what it was told."""

    def __init__(self, life: WorkerLife) -> None:
        self.wheel = TimingWheel(asyncio.get_running_loop())
        self.open_connections = 0
        self.steps: list[str] = []

    def explain(self, listener: str, head: RequestHead, body: bytes, now: float) -> dict[str, Any]:
        if listener == "no":
            raise ValueError("no such place")
        return {"path": head.path, "listener": listener}

    def count(self, stats: protocol.Stats, now: float) -> protocol.Stats:
        return msgspec.structs.replace(stats, server_rows=b"mine")

    async def apply(self, order: protocol.Configure, snapshot: Snapshot) -> Sequence[protocol.BindingFault]:
        self.steps.append(f"apply {snapshot.generation}")
        return ()

    def close(self) -> None:
        self.steps.append("close")

    async def drain(self, seconds: float) -> None:
        self.steps.append(f"drain {seconds:g}")


class Told:
    """A worker with a control process that this test plays."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.messages: list[protocol.FromWorker] = []

    async def __aenter__(self) -> Told:
        joined = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.writer = writer
            joined.set()
            while (message := await protocol.read_from_worker(reader)) is not None:
                self.messages.append(message)
            writer.close()

        self._control = await asyncio.start_unix_server(serve, str(self._path))
        self.life = WorkerLife(options_of("test", ["--control", str(self._path)]), Server)
        self.server = self.life.server
        self.ended = asyncio.create_task(self.life.run())
        async with asyncio.timeout(5):
            await joined.wait()
        return self

    async def __aexit__(self, *details: object) -> None:
        self.life.stopping.set()
        async with asyncio.timeout(5):
            await self.ended
        self._control.close()
        await asyncio.sleep(0.01)

    def tell(self, message: protocol.Message) -> None:
        self.writer.write(protocol.frame(message))

    async def until(self, condition: object) -> None:
        async with asyncio.timeout(5):
            while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - the state is in the worker
                await asyncio.sleep(0.005)


CONFIGURE = protocol.Configure(generation=4, resources=encode_objects(ResourceSet()))
FLEET = protocol.FleetUpdate(delta=msgspec.msgpack.encode(diff(Fleet(), Fleet())), whole=True, number=1, checked=True)


def test_a_worker_is_ready_once_it_knows_everything(tmp_path: Path) -> None:
    async def test() -> None:
        async with Told(tmp_path / "s") as told:
            assert not told.life.ready
            told.tell(CONFIGURE)
            await told.until(lambda: any(isinstance(item, protocol.Configured) for item in told.messages))
            assert not told.life.ready
            told.tell(msgspec.structs.replace(FLEET, checked=False))
            told.tell(FLEET)
            await told.until(lambda: told.life.ready)
            assert told.server.steps == ["apply 4"]  # type: ignore[attr-defined]
        assert told.server.steps[1:] == ["close", "drain 30"]  # type: ignore[attr-defined]

    asyncio.run(test())


def test_a_drain_that_is_delayed_ends_with_the_last_connection(tmp_path: Path) -> None:
    async def test() -> None:
        async with Told(tmp_path / "s") as told:
            for message in (CONFIGURE, FLEET):
                told.tell(message)
            await told.until(lambda: told.life.ready)
            told.server.open_connections = 1  # type: ignore[misc]
            told.tell(protocol.Drain(seconds=7, after=60))
            await told.until(lambda: not told.life.ready)
            assert not told.life.stopping.is_set()
            told.server.open_connections = 0  # type: ignore[misc]
            async with asyncio.timeout(5):
                await told.ended
            assert told.server.steps[1:] == ["close", "drain 7"]  # type: ignore[attr-defined]

    asyncio.run(test())


def test_questions_are_answered(tmp_path: Path) -> None:
    async def test() -> None:
        async with Told(tmp_path / "s") as told:
            head = b"GET /x HTTP/1.1\r\nhost: a\r\n\r\n"
            for number, (listener, request) in enumerate([("here", head), ("no", head), ("here", b"nonsense")]):
                told.tell(protocol.Explain(id=number, listener=listener, head=request))
            await told.until(lambda: len(told.messages) >= 4)
            answers = [item for item in told.messages if isinstance(item, protocol.Explained)]
            assert answers[0].answer == {"path": "/x", "listener": "here"}
            assert answers[1].error == "no such place"
            assert answers[2].error

    asyncio.run(test())


def test_what_a_server_counts_goes_along(tmp_path: Path) -> None:
    async def test() -> None:
        async with Told(tmp_path / "s") as told:
            told.life._report(0.0)
            await told.until(lambda: any(isinstance(item, protocol.Stats) for item in told.messages))
            (stats,) = [item for item in told.messages if isinstance(item, protocol.Stats)]
            assert stats.server_rows == b"mine"

    asyncio.run(test())
