"""The worker process: configured, asked, orphaned and stopped by a control process that the test plays."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from modelyard.fleet.delta import diff
from modelyard.fleet.fleet import Fleet
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet, encode_objects
from modelyard.telemetry.request_metrics import RequestRow
from modelyard.worker import protocol

from .conftest import (
    CHAT,
    CHAT_BODY,
    GET,
    GROUP,
    MANIFEST,
    POOL,
    SERVICE,
    SSE_HEAD,
    Peer,
    answer_ok,
    endpoint,
    fleet_of,
    run,
    until,
)
from .test_listeners import free_port

pytestmark = pytest.mark.integration

Address = tuple[str, int]


class Control:
    """The other end of the worker protocol."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.messages: list[protocol.FromWorker] = []
        self.writer: asyncio.StreamWriter | None = None
        self.fleet = Fleet()
        self.sent = Fleet()
        self.configure: protocol.Configure | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.sent = Fleet()
        while (message := await protocol.read_from_worker(reader)) is not None:
            self.messages.append(message)
            if isinstance(message, protocol.Hello) and self.configure is not None:
                self.send(self.configure)
                self.update(self.fleet)

    def send(self, message: protocol.Message) -> None:
        assert self.writer is not None
        self.writer.write(protocol.frame(message))

    def update(self, fleet: Fleet) -> None:
        self.fleet = fleet
        whole = not self.sent.backends
        delta = msgspec.msgpack.encode(diff(self.sent, fleet))
        self.sent = fleet
        self.send(protocol.FleetUpdate(delta=delta, whole=whole))

    def of(self, kind: type) -> list[protocol.FromWorker]:
        return [message for message in self.messages if isinstance(message, kind)]

    async def vanish(self) -> None:
        assert self._server is not None
        self._server.close()
        assert self.writer is not None
        self.writer.close()
        self.path.unlink()


class Running:
    def __init__(self, control: Control, process: asyncio.subprocess.Process, place: Address, log: Path) -> None:
        self.control = control
        self.process = process
        self.place = place
        self.log = log

    async def client(self) -> Peer:
        return Peer(*await asyncio.open_connection(*self.place))

    def listens(self) -> bool:
        address = int.from_bytes(socket.inet_aton(self.place[0]), sys.byteorder)
        needle = f" {address:08X}:{self.place[1]:04X} 00000000:0000 0A"
        return needle in Path("/proc/net/tcp").read_text()

    async def ask(self, request: bytes) -> int:
        peer = await self.client()
        peer.send(request)
        status = (await peer.response())[0]
        peer.close()
        return status


def configuration(place: Address, generation: int = 1, manifest: str = MANIFEST) -> protocol.Configure:
    resources, _ = ResourceSet.of(load_documents(manifest, "test.yaml").objects)
    return protocol.Configure(
        generation=generation,
        resources=encode_objects(resources),
        bindings=(protocol.SocketBinding(group=GROUP, host=place[0], port=place[1]),),
    )


@asynccontextmanager
async def worker(tmp_path: Path, host: str, *addresses: str, arguments: tuple[str, ...] = ()) -> AsyncIterator[Running]:
    """``host``: a loopback address that no other test uses; ``addresses``: of the endpoints."""
    control = Control(tmp_path / "control.sock")
    await control.start()
    place, log = (host, free_port(host)), tmp_path / "access.log"
    control.configure = configuration(place)
    control.fleet = fleet_of({POOL: list(addresses), SERVICE: list(addresses)})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "modelyard.proxy.worker",
        "--control",
        str(control.path),
        "--worker",
        "3",
        "--access-log",
        str(log),
        *arguments,
    )
    try:
        await until(lambda: control.of(protocol.Configured), 20)
        yield Running(control, process, place, log)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def test_a_worker_serves_reports_and_drains(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, worker(tmp_path, own_address, server.address) as running:
            control = running.control
            hello = control.messages[0]
            assert isinstance(hello, protocol.Hello)
            assert (hello.worker, hello.pid) == (3, running.process.pid)
            configured = control.of(protocol.Configured)[0]
            assert (configured.generation, configured.faults) == (1, ())  # type: ignore[union-attr]
            assert await running.ask(CHAT) == 200
            assert await running.ask(GET) == 200

            def rows() -> list[RequestRow]:
                decode = msgspec.msgpack.Decoder(list[RequestRow]).decode
                return [row for message in control.of(protocol.Stats) for row in decode(message.rows)]  # type: ignore[union-attr]

            await until(lambda: sum(row.count for row in rows()) == 2)
            assert {row.model for row in rows()} == {"m", ""}
            await until(lambda: len(running.log.read_text().splitlines()) == 2)
            lines = [json.loads(line) for line in running.log.read_text().splitlines()]
            assert [line["path"] for line in lines] == ["/v1/chat/completions", "/x"]
            running.process.send_signal(signal.SIGTERM)
            assert await running.process.wait() == 0

    run(test(), 40)


def test_configurations_and_fleets_change_under_load(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with (
            endpoint(answer_ok) as one,
            endpoint(answer_ok) as two,
            worker(tmp_path, own_address, one.address) as running,
        ):
            control = running.control
            statuses: list[int] = []
            stop = asyncio.Event()

            async def load() -> None:
                peer = await running.client()
                while not stop.is_set():
                    peer.send(CHAT)
                    statuses.append((await peer.response())[0])

            tasks = [asyncio.create_task(load()) for _ in range(4)]
            for generation in range(2, 7):
                control.send(configuration(running.place, generation))
                addresses = [one.address, two.address] if generation % 2 else [two.address]
                control.update(fleet_of({POOL: addresses, SERVICE: addresses}, generation))
                await until(lambda: control.of(protocol.Configured)[-1].generation == generation)  # type: ignore[union-attr]  # noqa: B023
            stop.set()
            await asyncio.gather(*tasks)
            assert set(statuses) == {200}
            assert two.connections

    run(test(), 40)


def test_explain_and_failures_are_told(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with worker(tmp_path, own_address, "127.0.0.1:1") as running:
            control = running.control
            head = CHAT[: -len(CHAT_BODY)]
            control.send(protocol.Explain(id=7, listener=GROUP, head=head, body=CHAT_BODY))
            await until(lambda: control.of(protocol.Explained))
            explained = control.of(protocol.Explained)[0]
            assert isinstance(explained, protocol.Explained)
            assert explained.id == 7
            assert not explained.error
            assert "127.0.0.1:1" in json.dumps(explained.answer)
            control.send(protocol.Explain(id=8, listener=GROUP, head=b"nonsense\r\n\r\n"))
            await until(lambda: len(control.of(protocol.Explained)) == 2)
            assert control.of(protocol.Explained)[1].error  # type: ignore[union-attr]
            assert await running.ask(CHAT) == 502
            await until(lambda: control.of(protocol.EndpointFailed))
            failed = control.of(protocol.EndpointFailed)[0]
            assert isinstance(failed, protocol.EndpointFailed)
            assert (failed.address, failed.kind) == ("127.0.0.1:1", "connect_refused")
            assert abs(failed.at - time.monotonic()) < 60

    run(test(), 40)


def test_a_port_that_is_taken_is_told(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as taken, worker(tmp_path, own_address) as running:
            port = int(taken.address.rpartition(":")[2])
            running.control.send(configuration(("127.0.0.1", port), 2))
            await until(lambda: len(running.control.of(protocol.Configured)) == 2)
            (fault,) = running.control.of(protocol.Configured)[1].faults  # type: ignore[union-attr]
            assert str(port) in fault.message

    run(test(), 40)


def test_a_port_that_becomes_free_is_bound(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, worker(tmp_path, own_address, server.address) as running:
            with socket.create_server((own_address, 0)) as taken:
                place = taken.getsockname()
                running.control.send(configuration(place, 2))
                await until(lambda: len(running.control.of(protocol.Configured)) == 2)
            await until(lambda: len(running.control.of(protocol.Configured)) == 3, 10)
            last = running.control.of(protocol.Configured)[2]
            assert last == protocol.Configured(generation=2)
            running.place = place
            assert await running.ask(CHAT) == 200

    run(test(), 40)


def test_a_configuration_that_comes_during_the_drain_opens_no_socket(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD + b"b\r\ndata: {1}\n\n\r\n")
            await go.wait()
            peer.send(b"0\r\n\r\n")

        async with endpoint(behave) as server, worker(tmp_path, own_address, server.address) as running:
            client = await running.client()
            client.send(CHAT)
            await client.head()
            running.process.send_signal(signal.SIGTERM)
            await until(lambda: not running.listens())
            running.control.send(configuration(running.place, 2))
            running.control.send(protocol.Explain(id=7, listener=GROUP, head=GET))
            await until(lambda: running.control.of(protocol.Explained))
            assert not running.listens()
            go.set()
            assert (await client.rest()).endswith(b"0\r\n\r\n")
            assert await running.process.wait() == 0

    run(test(), 40)


def test_it_serves_on_without_a_control_process_and_finds_it_again(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, worker(tmp_path, own_address, server.address) as running:
            await running.control.vanish()
            for _ in range(20):
                assert await running.ask(CHAT) == 200
                await asyncio.sleep(0.2)
            again = Control(running.control.path)
            again.configure = configuration(running.place, 9)
            again.fleet = running.control.fleet
            await again.start()
            await until(lambda: again.of(protocol.Configured), 10)
            assert await running.ask(CHAT) == 200

    run(test(), 40)


@pytest.mark.parametrize("why", ["no endpoint is left", "too long alone"])
def test_it_ends_by_itself_when_it_is_of_no_use_any_more(tmp_path: Path, own_address: str, why: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server:
            address = server.address if why == "too long alone" else "127.0.0.1:1"
            arguments = ("--orphan-seconds", "3") if why == "too long alone" else ()
            async with worker(tmp_path, own_address, address, arguments=arguments) as running:
                await running.control.vanish()
                assert await running.process.wait() == 0

    run(test(), 40)


@pytest.mark.parametrize("how", ["SIGTERM", "Drain"])
def test_open_streams_finish_before_it_ends(tmp_path: Path, own_address: str, how: str) -> None:
    async def test() -> None:
        go = asyncio.Event()

        async def behave(peer: Peer) -> None:
            await peer.request()
            peer.send(SSE_HEAD + b"b\r\ndata: {1}\n\n\r\n")
            await go.wait()
            peer.send(b"0\r\n\r\n")

        async with endpoint(behave) as server, worker(tmp_path, own_address, server.address) as running:
            client = await running.client()
            client.send(CHAT)
            await client.head()
            if how == "SIGTERM":
                running.process.send_signal(signal.SIGTERM)
            else:
                running.control.send(protocol.Drain(seconds=10))
            await until(lambda: not running.listens())
            go.set()
            assert (await client.rest()).endswith(b"0\r\n\r\n")
            assert await running.process.wait() == 0

    run(test(), 40)


def test_ctrl_c_is_left_to_the_control_process(tmp_path: Path, own_address: str) -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, worker(tmp_path, own_address, server.address) as running:
            os.kill(running.process.pid, signal.SIGINT)
            for _ in range(5):
                assert await running.ask(GET) == 200

    run(test(), 40)
