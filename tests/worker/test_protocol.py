from __future__ import annotations

import asyncio

import pytest

from modelyard.worker import protocol

TO_WORKER: list[protocol.ToWorker] = [
    protocol.Configure(
        generation=3,
        resources=b"\x00\xff",
        bindings=(protocol.SocketBinding(group="a/b:80", host="127.0.0.1", port=80, tls=True),),
    ),
    protocol.FleetUpdate(delta=b"x", whole=True),
    protocol.Explain(id=1, listener="a/b:80", head=b"GET"),
    protocol.Drain(seconds=1.5),
]
FROM_WORKER: list[protocol.FromWorker] = [
    protocol.Hello(worker=1, pid=2),
    protocol.Configured(generation=3),
    protocol.Stats(worker=1, rows=b"x", in_flight={"a": {"b": 1}}),
    protocol.EndpointFailed(address="a:1", kind="reset", at=1.0),
    protocol.Explained(id=1, answer={"a": [1]}),
]


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


def test_messages_survive_the_way() -> None:
    async def test() -> None:
        to_worker = reader_of(b"".join(protocol.frame(message) for message in TO_WORKER))
        assert [await protocol.read_to_worker(to_worker) for _ in TO_WORKER] == TO_WORKER
        assert await protocol.read_to_worker(to_worker) is None
        from_worker = reader_of(b"".join(protocol.frame(message) for message in FROM_WORKER))
        assert [await protocol.read_from_worker(from_worker) for _ in FROM_WORKER] == FROM_WORKER

    asyncio.run(test())


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 10])
def test_half_a_message_is_the_end(cut: int) -> None:
    async def test() -> None:
        assert await protocol.read_to_worker(reader_of(protocol.frame(TO_WORKER[0])[:cut])) is None

    asyncio.run(test())


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\x00\x00\x00\x01\xc1", protocol.frame(FROM_WORKER[0])])
def test_what_is_no_message_is_a_value_error(data: bytes) -> None:
    async def test() -> None:
        with pytest.raises(ValueError):  # noqa: PT011 - of any kind
            await protocol.read_to_worker(reader_of(data))

    asyncio.run(test())
