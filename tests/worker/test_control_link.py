from __future__ import annotations

import asyncio
from pathlib import Path

from modelyard.worker import protocol
from modelyard.worker.control_link import ControlLink


def test_an_order_that_fails_does_not_end_the_link(tmp_path: Path) -> None:
    """A worker that lost its control process for good over one bad order would serve old routes for ever."""

    async def test() -> None:
        hellos: asyncio.Queue[protocol.FromWorker | None] = asyncio.Queue()

        async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await hellos.put(await protocol.read_from_worker(reader))
            writer.write(protocol.frame(protocol.Drain(seconds=1.0)))
            await reader.read()
            writer.close()

        async def fail(message: protocol.ToWorker) -> None:
            raise KeyError("a bug")

        path = str(tmp_path / "s")
        server = await asyncio.start_unix_server(control, path)
        link = ControlLink(path, protocol.Hello(worker=0, pid=1), fail)
        task = asyncio.create_task(link.run())
        async with asyncio.timeout(5):
            for _ in range(2):
                assert isinstance(await hellos.get(), protocol.Hello)
        assert not task.done()
        task.cancel()
        server.close()

    asyncio.run(test())
