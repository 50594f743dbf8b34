"""Answering one request for generated text: submitting it, then writing its tokens as they come, or all at
the end.

Streams are written straight to the transport from the engine's step: no task, no await and no queue per
token.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from aiohttp import web

from modelyard.sim.api.call import Call
from modelyard.sim.api.job import Dialect, EventStream, Job
from modelyard.sim.engine import Emission
from modelyard.sim.simulator import Simulator

_RESET_AFTER_S = 0.01
"""Between the last token and a reset: time for the event loop to send what was written."""
_EVENT_STREAM = "text/event-stream; charset=utf-8"


async def generate(call: Call, dialect: Dialect) -> web.StreamResponse:
    """Answers ``call`` in the shape of ``dialect``. ApiError: nothing was sent yet."""
    job = prepare(call, dialect)
    if job.ask.stream:
        return await _stream(call, dialect.stream(job), job)
    await complete(call, job)
    return call.json(dialect.whole(job))


def prepare(call: Call, dialect: Dialect) -> Job:
    """The job that ``call`` asks for."""
    job = call.sim.prepare(dialect.ask(call.body), call.request_id)
    call.model = job.model
    return job


async def complete(call: Call, job: Job) -> None:
    """Submits ``job`` and waits for its end; the engine stops when the client goes away."""
    sink = WholeSink(call.sim, job, call.request.transport)
    try:
        call.sim.submit(job, sink)
        await sink.done
    finally:
        call.sim.abort(job)


async def _stream(call: Call, events: EventStream, job: Job) -> web.StreamResponse:
    response = web.StreamResponse(headers={**call.headers(), "Content-Type": _EVENT_STREAM})
    sink = StreamSink(call.sim, job, call.request.transport, events)
    try:
        call.sim.submit(job, sink)
        await response.prepare(call.request)
        sink.open(chunked=call.request.version >= (1, 1))
        await sink.done
    finally:
        call.sim.abort(job)
    await response.write_eof()
    return response


class WholeSink:
    """Waits for a job's last token."""

    __slots__ = ("_job", "_sim", "_transport", "done")

    def __init__(self, sim: Simulator, job: Job, transport: asyncio.Transport | None) -> None:
        self._sim = sim
        self._job = job
        self._transport = transport
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def emit(self, emission: Emission) -> None:
        job = self._job
        if job.cut:
            return
        job.tokens_out += 1
        if emission.finished:
            job.unfinished -= 1
        if _must_reset(self._sim, job):
            reset(self._sim, job, self._transport)
        elif not job.unfinished and not self.done.done():
            self.done.set_result(None)


class StreamSink:
    """Writes a job's tokens as events, in HTTP chunks (HTTP/1.0: as they are, up to the end of the
    connection)."""

    __slots__ = ("_chunked", "_early", "_events", "_job", "_sim", "_transport", "done")

    def __init__(self, sim: Simulator, job: Job, transport: asyncio.Transport | None, events: EventStream) -> None:
        self._sim = sim
        self._job = job
        self._transport = transport
        self._events = events
        self._chunked = True
        self._early: list[Emission] | None = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def open(self, *, chunked: bool) -> None:
        """The response head is out: writes what came before it."""
        self._chunked = chunked
        early, self._early = self._early or [], None
        opening = self._events.opening()
        if opening:
            self._write(opening)
        if self._sim.faults.reset_after_tokens == 0:
            reset(self._sim, self._job, self._transport)
        for emission in early:
            self.emit(emission)

    def emit(self, emission: Emission) -> None:
        if self._early is not None:
            self._early.append(emission)
            return
        job = self._job
        if job.cut:
            return
        job.tokens_out += 1
        data = self._events.token(emission)
        if emission.finished:
            job.unfinished -= 1
        if _must_reset(self._sim, job):
            self._write(data)
            reset(self._sim, job, self._transport)
            return
        if not job.unfinished:
            data += self._events.closing()
        self._write(data)
        if not job.unfinished and not self.done.done():
            self.done.set_result(None)

    def _write(self, data: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_closing():
            transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)


def _must_reset(sim: Simulator, job: Job) -> bool:
    after = sim.faults.reset_after_tokens
    return after is not None and job.tokens_out == max(after, 1)


def reset(sim: Simulator, job: Job, transport: asyncio.Transport | None) -> None:
    """Ends the job and resets its connection (RST, not a clean close)."""
    job.cut = True
    sim.abort(job)
    if transport is not None:
        asyncio.get_running_loop().call_later(_RESET_AFTER_S, reset_connection, transport)


def reset_connection(transport: asyncio.Transport) -> None:
    connection: socket.socket | None = transport.get_extra_info("socket")
    if connection is not None and not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
