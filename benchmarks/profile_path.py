"""Where a request's microseconds go inside a worker: ``python -m benchmarks.profile_path``.

Drives one client connection of a real data plane (routing by the body's model, default picking, metrics, access log)
in this process, with transports that only keep what is written: what is left is the Python of the path, without
sockets. Prints microseconds per request and per streamed event, then bytecode instructions of both by function (which
do not depend on what else the machine does); ``--profile`` adds cProfile's view. ``--endpoints`` sets the size of the
pool; ``--body`` the body's bytes.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import io
import pstats
import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import cast

import uvloop
import yaml

from benchmarks import answers, instructions
from benchmarks.backend import loopback_addresses
from benchmarks.cases import chat_body
from benchmarks.load import request_bytes
from benchmarks.peers.modelyard import manifests
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.fleet.backends import BackendSpec
from modelyard.fleet.discovery import backends_of
from modelyard.fleet.endpoints import EndpointState, EngineLoad, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.upstream_connection import UpstreamConnection
from modelyard.proxy.upstream_pool import EndpointPool
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot
from modelyard.telemetry.access_log import AccessLog
from modelyard.telemetry.request_metrics import RequestMetrics

_REPEATS = 50


class KeptWrites:
    """A transport that keeps what was written last."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written = data

    def get_extra_info(self, name: str) -> object:
        return {"peername": ("127.0.0.1", 40000), "sockname": ("127.0.0.1", 8080)}.get(name)

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def close(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class Bench:
    """One client's connection and one connection to each endpoint."""

    def __init__(self, count: int, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        addresses = [f"{address}:18000" for address in loopback_addresses(count)]
        text = yaml.safe_dump_all(manifests(addresses))
        resources, _ = ResourceSet.of(load_documents(text, "bench.yaml").objects)
        self.gateway = Gateway(build_snapshot(resources), random.Random(1))
        self.gateway.update_fleet(known_fleet(backends_of(resources)), time.monotonic())
        metrics, lines = RequestMetrics(), AccessLog(lambda data: None, time.time)

        def record(finished: ExchangeRecord) -> None:
            metrics.record(finished)
            lines.record(finished)

        self.flush = lines.flush
        self.plane = DataPlane(loop, self.gateway, record, ProxyLimits())
        group = self.gateway.snapshot.table.groups[0]
        self.client = self.plane.protocol_factory(group)()
        self.answer = KeptWrites()
        self.client.connection_made(cast("asyncio.Transport", self.answer))
        self.upstream = KeptWrites()
        self.connections = [self._connection(address) for address in addresses]
        self.request = request_bytes("127.0.0.1:8080", body)
        self.stream_request = request_bytes("127.0.0.1:8080", chat_body(200, stream=True))

    def _connection(self, address: str) -> UpstreamConnection:
        endpoint = EndpointPool(self.plane.pool, address)
        self.plane.pool._endpoints[address] = endpoint
        connection = UpstreamConnection(endpoint)
        endpoint.open = 1
        connection.connection_made(cast("asyncio.Transport", self.upstream))
        endpoint.release(connection)
        return connection

    def _busy(self) -> UpstreamConnection:
        relay = self.client.relay
        assert relay is not None, self.answer.written
        assert relay.upstream is not None
        return relay.upstream

    def requests(self, count: int) -> None:
        """So many requests, one after the other."""
        client, request, answer = self.client, self.request, answers.COMPLETION
        for _ in range(count):
            client.data_received(request)
            self._busy().data_received(answer)
        assert self.answer.written.endswith(answers.COMPLETION_TAIL), self.answer.written
        self.flush()

    def events(self, count: int) -> None:
        """One stream of so many events."""
        self.client.data_received(self.stream_request)
        connection = self._busy()
        connection.data_received(answers.STREAM_HEAD)
        receive, event = connection.data_received, answers.EVENT
        for _ in range(count):
            receive(event)
        connection.data_received(answers.STREAM_END)
        self.flush()


def known_fleet(specs: Mapping[BackendKey, BackendSpec]) -> Fleet:
    """Every endpoint looked at, idle, with the benchmark's model."""
    backends = {}
    for key, spec in specs.items():
        states = tuple(
            EndpointState(
                endpoint=item.endpoint,
                load=EngineLoad(at=time.monotonic(), num_blocks=8192, block_size=16),
                models=(ServedModel(id=answers.MODEL),),
            )
            for item in spec.endpoints
        )
        backends[key] = BackendFleet(key=key, endpoints=states, version=1)
    return Fleet(backends=backends, version=1)


def best_us(run: Callable[[int], None], count: int) -> float:
    """Microseconds per turn: the best of many short rounds, so that what else the machine does is left out."""
    count = max(1, count // _REPEATS)
    run(count)
    best = float("inf")
    for _ in range(_REPEATS):
        start = time.process_time()
        run(count)
        best = min(best, time.process_time() - start)
    return 1e6 * best / count


def profile(run: Callable[[int], None], count: int, lines: int) -> str:
    """Functions by the time inside them; the profiler itself slows calls, so shares matter, not times."""
    profiler = cProfile.Profile()
    profiler.runcall(run, count)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).strip_dirs().sort_stats("tottime").print_stats(lines)
    return text.getvalue()


async def measure(endpoints: int, body: int, lines: int, profiled: bool) -> None:
    bench = Bench(endpoints, chat_body(body))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    print(f"request, {body} B body, {endpoints} endpoints: {best_us(bench.requests, 20_000):.2f} us")
    print(f"streamed event: {best_us(bench.events, 100_000):.2f} us")
    if lines:
        print(instructions.table(instructions.count(bench.requests, 640), lines))
        print(instructions.table(instructions.count(bench.events, 500), lines // 4))
    if profiled:
        print(profile(bench.requests, 20_000, lines))
        print(profile(bench.events, 100_000, lines // 2))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--endpoints", type=int, default=4)
    parser.add_argument("--body", type=int, default=200)
    parser.add_argument("--lines", type=int, default=40, help="functions to show; 0: only the times")
    parser.add_argument("--profile", action="store_true", help="cProfile's view too")
    options = parser.parse_args(arguments)
    uvloop.run(measure(options.endpoints, options.body, options.lines, options.profile))


if __name__ == "__main__":
    main()
