"""Ten thousand open streams on one worker: ``python -m benchmarks.open_streams [--streams 10000]``.

Tells the memory per open stream, errors, and the latency of small requests meanwhile; then what clients that read one
byte a second do to the others. A worker holds two sockets per stream, so a system whose hard limit of open files is
below that gets as many streams as fit, and the result says so. Writes ``results/open_streams.json``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import msgspec
import uvloop

from benchmarks import processes
from benchmarks.cases import Case, chat_body
from benchmarks.comparison import backends, running
from benchmarks.load import Measurement, StreamClient, measure, quantile, request_bytes
from benchmarks.peers.modelyard import Modelyard
from benchmarks.peers.peer import Peer
from benchmarks.results_file import FOLDER
from benchmarks.slow_readers import count_open, slow_readers

_SPARE_FILES = 200
"""Descriptors of a worker that are not streams': listeners, logs, the probing requests."""
_OPENING_AT_ONCE = 200
_OPENING_LIMIT = 60.0
_PROBE = Case("probe", "200 B body", 4, chat_body(200))
_WATCHED = Case("watched", "healthy streams", 50, chat_body(200, stream=True), streams=True)
_SLOW = 50
_BURST = 60
"""Events every 20 ms of a slow reader's stream: 0.7 MB a second, so its buffers are full at once."""


class Latency(msgspec.Struct, kw_only=True):
    """Milliseconds."""

    p50_ms: float
    p99_ms: float


class ManyStreams(msgspec.Struct, kw_only=True):
    """What many open streams cost one worker."""

    streams: int
    errors: int
    """Streams that could not be opened, were answered with an error, or broke off."""
    opening_seconds: float
    event_interval: float
    """Seconds between two events of a stream."""
    events_per_second: float
    gap: Latency
    """Between two events of a stream, all streams."""
    worker_mib_before: float
    worker_mib: float
    kib_per_stream: float
    """Resident memory of the worker."""
    requests_before: Latency
    """Small requests on 4 connections, before any stream is open."""
    requests_meanwhile: Latency


class SlowReaders(msgspec.Struct, kw_only=True):
    """What clients that read one byte a second do to others."""

    readers: int
    """Each with a stream of 0.7 MB a second."""
    cut: int
    """How many of them the gateway closed meanwhile."""
    worker_mib: float
    """How much the worker grew for them."""
    healthy_alone: Latency
    """Gaps of 50 streams, 20 ms between events."""
    healthy_beside: Latency


class OpenStreams(msgspec.Struct, kw_only=True):
    """What was found."""

    wanted: int
    file_limit: int
    """Hard limit of open files of a process: a worker needs two per stream."""
    many: ManyStreams
    slow: SlowReaders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between two events of a stream")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of each measurement")
    options = parser.parse_args()
    found = uvloop.run(_measure_all(options.streams, options.interval, options.seconds))
    text = msgspec.json.format(msgspec.json.encode(found), indent=1)
    sys.stdout.buffer.write(text + b"\n")
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "open_streams.json").write_bytes(text + b"\n")


async def _measure_all(wanted: int, interval: float, seconds: float) -> OpenStreams:
    limit = processes.raise_file_limit()
    streams = min(wanted, (limit - _SPARE_FILES) // 2)
    cores = processes.Cores()
    with tempfile.TemporaryDirectory(prefix="modelyard-bench-") as folder:
        many = await _many_streams(Path(folder), cores, streams, interval, seconds)
        slow = await _slow_readers(Path(folder), cores, seconds)
    return OpenStreams(wanted=wanted, file_limit=limit, many=many, slow=slow)


async def _many_streams(
    folder: Path, cores: processes.Cores, streams: int, interval: float, seconds: float
) -> ManyStreams:
    with (
        backends(4, cores, "--interval", str(interval)) as endpoints,
        running([Modelyard], folder, endpoints, cores) as (gateway,),
    ):
        before = await _latency(gateway, _PROBE, seconds)
        resident = _worker_bytes(gateway)
        measurement = Measurement()
        began = time.monotonic()
        clients = await _open(streams, gateway.target, measurement)
        opening = time.monotonic() - began
        await asyncio.sleep(interval)
        measurement.running = True
        counting = time.monotonic()
        meanwhile = await _latency(gateway, _PROBE, seconds)
        measurement.running = False
        counted = time.monotonic() - counting
        grown = _worker_bytes(gateway)
        opened = sum(client.opened for client in clients)
        for client in clients:
            client.leave()
        await asyncio.sleep(1.0)
        return ManyStreams(
            streams=streams,
            errors=measurement.errors + streams - opened,
            opening_seconds=round(opening, 2),
            event_interval=interval,
            events_per_second=round(measurement.count / counted),
            gap=_of_samples(sorted(measurement.samples)),
            worker_mib_before=round(resident / 2**20, 1),
            worker_mib=round(grown / 2**20, 1),
            kib_per_stream=round((grown - resident) / 1024 / max(1, opened), 2),
            requests_before=before,
            requests_meanwhile=meanwhile,
        )


async def _slow_readers(folder: Path, cores: processes.Cores, seconds: float) -> SlowReaders:
    """Healthy streams alone, then beside clients that hardly read, whose streams never pause."""
    with backends(4, cores) as endpoints, running([Modelyard], folder, endpoints, cores) as (gateway,):
        alone = await _latency(gateway, _WATCHED, seconds)
        resident = _worker_bytes(gateway)
        request = request_bytes(gateway.target, chat_body(200, stream=True, choices=_BURST))
        async with slow_readers(_SLOW, gateway.target, request) as sockets:
            await asyncio.sleep(seconds)
            beside = await _latency(gateway, _WATCHED, seconds)
            grown = _worker_bytes(gateway)
            cut = _SLOW - count_open(sockets)
        return SlowReaders(
            readers=_SLOW,
            cut=cut,
            worker_mib=round((grown - resident) / 2**20, 1),
            healthy_alone=alone,
            healthy_beside=beside,
        )


async def _open(count: int, target: str, measurement: Measurement) -> list[StreamClient]:
    """Connect so many streams, some at a time, and wait until each has had an event (bounded)."""
    loop = asyncio.get_running_loop()
    host, _, port = target.rpartition(":")
    request = request_bytes(target, chat_body(200, stream=True))
    clients = [StreamClient(request, measurement) for _ in range(count)]
    for start in range(0, count, _OPENING_AT_ONCE):
        batch = clients[start : start + _OPENING_AT_ONCE]
        made = (loop.create_connection(partial(_same, client), host, int(port)) for client in batch)
        results = await asyncio.gather(*made, return_exceptions=True)
        measurement.errors += sum(isinstance(result, OSError) for result in results)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_OPENING_LIMIT):
            while measurement.opened < count:
                measurement.progress.clear()
                await measurement.progress.wait()
    return clients


def _same(client: StreamClient) -> StreamClient:
    return client


async def _latency(gateway: Peer, case: Case, seconds: float) -> Latency:
    reading = await measure(gateway.target, case, seconds, 0.5, gateway.data_plane(), min(gateway.cores.peer))
    return Latency(p50_ms=round(reading.p50 * 1e3, 2), p99_ms=round(reading.p99 * 1e3, 2))


def _of_samples(ordered: list[float]) -> Latency:
    return Latency(p50_ms=round(quantile(ordered, 0.5) * 1e3, 2), p99_ms=round(quantile(ordered, 0.99) * 1e3, 2))


def _worker_bytes(gateway: Peer) -> int:
    return sum(map(processes.resident_bytes, gateway.data_plane()))


if __name__ == "__main__":
    main()
