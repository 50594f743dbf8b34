"""The clients: ``python -m benchmarks.load --target 127.0.0.1:8080 --case small --seconds 3 --cpu-of 123,124``.

Requests: each connection sends the next one when it has its answer (closed loop); at a fixed rate, a connection that is
free sends it when it is due, and latency counts from then. Streams: each connection holds one open, and events are
counted. CPU clocks of the peers are read at the two ends of the measured time, in this process, so
that counts and clocks belong together. Prints one line of JSON (a ``Reading``).
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from array import array
from collections import deque
from collections.abc import Sequence
from typing import cast

import msgspec
import uvloop

from benchmarks.answers import COMPLETION_TAIL, EVENT_MARK
from benchmarks.cases import BY_NAME, Case
from benchmarks.pacing import Pace
from benchmarks.processes import core_seconds, cpu_seconds, raise_file_limit

_OK = b"HTTP/1.1 200"
_OPENING_LIMIT = 20.0
_TICK = 0.001


class Reading(msgspec.Struct, kw_only=True):
    """What one measurement found. Times are seconds."""

    seconds: float
    count: int
    """Requests answered, or events received."""
    errors: int
    complaint: str
    """The first error answer; empty: none."""
    cpu: dict[int, float]
    """CPU time by process id."""
    disturbed: float
    """Share of the peers' core that processes used which are none of the peers."""
    p50: float
    """Of latencies of requests, or of gaps between the events of a stream."""
    p99: float


class Measurement:
    """Counts of all clients between the two ends of the measured time."""

    def __init__(self) -> None:
        self.running = False
        self.count = 0
        self.errors = 0
        self.complaint = ""
        """The first answer that was an error, its beginning."""
        self.samples = array("d")
        self.opened = 0
        """Streams that have had an event, or an error."""
        self.progress = asyncio.Event()


class Client(asyncio.Protocol):
    """One connection: what both kinds share."""

    def __init__(self, request: bytes, measurement: Measurement) -> None:
        self.request = request
        self.measurement = measurement
        self.transport: asyncio.Transport
        self.leaving = False
        self.since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.ask()

    def ask(self) -> None:
        self.since = time.perf_counter()
        self.transport.write(self.request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.leaving:
            self.measurement.errors += 1

    def refused(self, data: bytes) -> None:
        """The answer is an error."""
        self.measurement.errors += 1
        self.measurement.complaint = self.measurement.complaint or data[:300].decode(errors="replace")

    def leave(self) -> None:
        self.leaving = True
        self.transport.abort()


class RequestClient(Client):
    """Asks, and asks again when the answer is whole."""

    def __init__(self, request: bytes, measurement: Measurement) -> None:
        super().__init__(request, measurement)
        self.pending = b""

    def data_received(self, data: bytes) -> None:
        if self.pending:
            data = self.pending + data
            self.pending = b""
        if not data.endswith(COMPLETION_TAIL):
            self._take_part(data)
            return
        now = time.perf_counter()
        measurement = self.measurement
        if measurement.running:
            measurement.count += 1
            measurement.samples.append(now - self.since)
            if not data.startswith(_OK):
                self.refused(data)
        self.next(now)

    def next(self, now: float) -> None:
        """The answer is whole."""
        self.since = now
        self.transport.write(self.request)

    def _take_part(self, data: bytes) -> None:
        self.pending = data
        if not data.startswith(_OK[: len(data)]):
            self.refused(data)
            self.leave()


class PacedClient(RequestClient):
    """Asks when something is due."""

    def __init__(self, request: bytes, measurement: Measurement, work: PacedWork) -> None:
        super().__init__(request, measurement)
        self.work = work

    def ask(self) -> None:
        self.work.free.append(self)

    def next(self, now: float) -> None:
        self.work.free.append(self)
        self.work.hand_out()


class PacedWork:
    """Requests at a fixed rate, for whichever clients are free."""

    def __init__(self, rate: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(rate, time.perf_counter())
        self.free: deque[PacedClient] = deque()
        self._due: deque[float] = deque()
        self._tick()

    def _tick(self) -> None:
        self._due.extend(self._pace.due(time.perf_counter()))
        self.hand_out()
        self._loop.call_later(_TICK, self._tick)

    def hand_out(self) -> None:
        while self._due and self.free:
            client = self.free.popleft()
            client.since = self._due.popleft()
            client.transport.write(client.request)


class StreamClient(Client):
    """Holds one stream open and counts its events."""

    opened = False

    def data_received(self, data: bytes) -> None:
        events = data.count(EVENT_MARK)
        if not events:
            if not self.opened and not data.startswith(_OK):
                self.refused(data)
                self._count_in()
            return
        measurement = self.measurement
        if not self.opened:
            self._count_in()
        now = time.perf_counter()
        if measurement.running:
            measurement.count += events
            measurement.samples.append(now - self.since)
        self.since = now

    def _count_in(self) -> None:
        self.opened = True
        self.measurement.opened += 1
        self.measurement.progress.set()


def request_bytes(target: str, body: bytes) -> bytes:
    """A request as the openai client sends it, with fewer of its fields."""
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {target}\r\nUser-Agent: benchmark\r\nAccept: */*\r\n"
        f"Authorization: Bearer none\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def measure(target: str, case: Case, seconds: float, warm_up: float, cpu_of: Sequence[int], core: int) -> Reading:
    """Open the clients, let them run for ``warm_up`` seconds, then measure."""
    measurement = Measurement()
    clients = await open_clients(target, case, measurement)
    await asyncio.sleep(warm_up)
    before = {pid: cpu_seconds(pid) for pid in cpu_of}
    busy = core_seconds(core)
    began = time.perf_counter()
    measurement.running = True
    await asyncio.sleep(seconds)
    measurement.running = False
    took = time.perf_counter() - began
    cpu = {pid: cpu_seconds(pid) - start for pid, start in before.items()}
    busy = core_seconds(core) - busy
    for client in clients:
        client.leave()
    samples = sorted(measurement.samples)
    return Reading(
        seconds=took,
        count=measurement.count,
        errors=measurement.errors,
        complaint=measurement.complaint,
        cpu=cpu,
        disturbed=max(0.0, busy - sum(cpu.values())) / took,
        p50=quantile(samples, 0.5),
        p99=quantile(samples, 0.99),
    )


async def open_clients(target: str, case: Case, measurement: Measurement) -> list[Client]:
    """Connect all clients; streams are returned when each has had an event."""
    loop = asyncio.get_running_loop()
    host, _, port = target.rpartition(":")
    request = request_bytes(target, case.body)
    clients: list[Client] = []
    work = PacedWork(case.rate) if case.rate else None
    for _ in range(case.connections):
        client: Client
        if work is not None:
            client = PacedClient(request, measurement, work)
        else:
            client = StreamClient(request, measurement) if case.streams else RequestClient(request, measurement)
        await loop.create_connection(lambda client=client: client, host, int(port))  # type: ignore[misc]
        clients.append(client)
    async with asyncio.timeout(_OPENING_LIMIT):
        while measurement.opened < case.connections and case.streams:
            measurement.progress.clear()
            await measurement.progress.wait()
    return clients


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that ``share`` of the samples do not exceed; 0 where there are none."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", required=True, help="HOST:PORT")
    parser.add_argument("--case", required=True, choices=BY_NAME)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warm-up", type=float, default=0.5)
    parser.add_argument("--cpu-of", default="", help="process ids, separated by commas")
    parser.add_argument("--core", type=int, default=0, help="the core that these run on")
    options = parser.parse_args()
    raise_file_limit()
    pids = [int(pid) for pid in options.cpu_of.split(",") if pid]
    case = BY_NAME[options.case]
    reading = uvloop.run(measure(options.target, case, options.seconds, options.warm_up, pids, options.core))
    sys.stdout.buffer.write(msgspec.json.encode(reading) + b"\n")


if __name__ == "__main__":
    main()
