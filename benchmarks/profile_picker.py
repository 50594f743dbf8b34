"""Where a request's microseconds go inside a picker or a router: ``python -m benchmarks.profile_picker``.

Drives one HTTP/2 connection of a real gRPC server in this process with the frames that Envoy sends for a request
(configured by ``modelyard envoy-config``), and a transport that only keeps what is written: what is left is the Python
of the path, without sockets and without Envoy. Prints microseconds per request and of the pick in it, then bytecode
instructions by function (which do not depend on what else the machine does); ``--profile`` adds cProfile's view.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import time
from array import array
from collections.abc import Sequence
from typing import cast

import msgspec
import uvloop
import yaml

from benchmarks import instructions
from benchmarks.backend import loopback_addresses
from benchmarks.cases import chat_body
from benchmarks.envoy_frames import Frames, header_blocks, message_frame, request_messages
from benchmarks.peers.modelyard import manifests
from benchmarks.profile_path import KeptWrites, best_us, known_fleet, profile
from modelyard.envoy.external_processing import POOL_METADATA
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.body_based_router import BodyBasedRouter
from modelyard.extproc.endpoint_picker import EndpointPicker
from modelyard.extproc.grpc_connection import GrpcConnection
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.extproc.processor import PROCESS
from modelyard.fleet.discovery import backends_of
from modelyard.http2 import frames
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot
from modelyard.telemetry.access_log import AccessLog
from modelyard.telemetry.objective_metrics import ObjectiveMetrics
from modelyard.telemetry.request_metrics import RequestMetrics

PICKER, ROUTER = "picker", "router"
_WINDOW = 16 << 20
_TURNS_TO_COUNT = 640


class PathProfile(msgspec.Struct, kw_only=True):
    """The path of a small request through one server."""

    us: float
    """CPU microseconds of Python per request, without sockets."""
    pick_us: float
    """Of them between the clocks around the decision: median."""
    instructions: float
    """Bytecode instructions per request."""
    by_layer: dict[str, float]
    functions: list[tuple[str, float]]
    """The largest, by instructions."""


class CountedWrites(KeptWrites):
    """Counts what the client has to give back as flow control window."""

    taken = 0

    def write(self, data: bytes) -> None:
        self.written = data
        self.taken += len(data)

    def can_write_eof(self) -> bool:
        return True


class Bench:
    """One proxy's connection to a picker or router."""

    def __init__(self, which: str, endpoints: int, body: bytes) -> None:
        loop = asyncio.get_running_loop()
        addresses = [f"{address}:18000" for address in loopback_addresses(endpoints)]
        text = yaml.safe_dump_all(manifests(addresses))
        resources, _ = ResourceSet.of(load_documents(text, "bench.yaml").objects)
        gateway = Gateway(build_snapshot(resources), random.Random(1))
        gateway.update_fleet(known_fleet(backends_of(resources)), time.monotonic())
        metrics, objectives, lines = RequestMetrics(), ObjectiveMetrics(), AccessLog(lambda data: None, time.time)
        self.picks = array("d")
        """Seconds of each pick, by the clocks around the decision."""

        def record(finished: ExchangeRecord) -> None:
            metrics.record(finished)
            lines.record(finished)
            objectives.record(finished)
            self.picks.append(finished.deciding)

        self.flush = lines.flush
        kind = EndpointPicker if which == PICKER else BodyBasedRouter
        self.processor = kind(gateway, record, time.monotonic, loop.call_later)
        self.answer = CountedWrites()
        self.client = GrpcConnection(GrpcServer(loop), {PROCESS: self.processor.open})
        self.client.connection_made(cast("asyncio.Transport", self.answer))
        self.client.data_received(frames.PREFACE + frames.settings({frames.INITIAL_WINDOW_SIZE: _WINDOW // 16}))
        self.client.data_received(frames.window_update(0, _WINDOW))
        first, block = header_blocks({POOL_METADATA: "default/bench"} if which == PICKER else {})
        self.client.data_received(frames.frame(frames.HEADERS, frames.END_HEADERS, 1, first))
        self.client.data_received(frames.reset(1, frames.CANCEL))
        self._stream = 3
        head, *later = request_messages(body, served=addresses[0] if which == PICKER else "")
        opening = frames.frame(frames.HEADERS, frames.END_HEADERS, 0, block)
        self.steps = [Frames(opening, message_frame(head)), *(Frames(message_frame(one)) for one in later)]
        self.end = Frames(frames.reset(0, frames.INTERNAL_ERROR))

    def answers(self) -> list[bytes]:
        """What the server writes to each message of one request."""
        written = []
        for step in self.steps:
            self.client.data_received(step.of(self._stream))
            written.append(self.answer.written)
        self.client.data_received(self.end.of(self._stream))
        self._stream += 2
        return written

    def requests(self, count: int) -> None:
        """So many requests, one after the other: each message is answered before the next one comes."""
        receive, answer, stream = self.client.data_received, self.answer, self._stream
        for _ in range(count):
            for step in self.steps:
                answer.written = b""
                receive(step.of(stream))
                assert answer.written, "the server owes an answer"
            receive(self.end.of(stream))
            stream += 2
        self._stream = stream
        receive(frames.window_update(0, answer.taken))
        answer.taken = 0
        self.flush()


def path_profile(bench: Bench) -> PathProfile:
    """Times and instructions of the path."""
    us = best_us(bench.requests, 20_000)
    pick_us = 1e6 * statistics.median(bench.picks)
    shares = instructions.count(bench.requests, _TURNS_TO_COUNT)
    by_layer: dict[str, float] = {}
    for share in shares:
        layer = layer_of(share.place)
        by_layer[layer] = by_layer.get(layer, 0.0) + share.instructions
    return PathProfile(
        us=us,
        pick_us=pick_us,
        instructions=sum(by_layer.values()),
        by_layer={name: round(count, 1) for name, count in sorted(by_layer.items(), key=lambda item: -item[1])},
        functions=[(share.place, round(share.instructions, 1)) for share in shares[:12]],
    )


def layer_of(place: str) -> str:
    """The package of a function, as ``instructions`` names places; ``other`` outside of Modelyard."""
    package, slash, _ = place.partition("/")
    return package if slash and package.isidentifier() else "other"


async def measured(which: str, endpoints: int = 4, body: int = 200) -> PathProfile:
    """The profile of one server, made in this process."""
    return path_profile(_prepared(which, endpoints, body))


def _prepared(which: str, endpoints: int, body: int) -> Bench:
    bench = Bench(which, endpoints, chat_body(body))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    return bench


async def show(which: str, endpoints: int, body: int, lines: int, profiled: bool) -> None:
    bench = _prepared(which, endpoints, body)
    found = path_profile(bench)
    print(f"{which}, {body} B body, {endpoints} endpoints: {found.us:.2f} us, the pick {found.pick_us:.2f} us of them")
    if lines:
        print(instructions.table(instructions.count(bench.requests, _TURNS_TO_COUNT), lines))
    if profiled:
        print(profile(bench.requests, 20_000, lines))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--endpoints", type=int, default=4)
    parser.add_argument("--body", type=int, default=200)
    parser.add_argument("--lines", type=int, default=40, help="functions to show; 0: only the times")
    parser.add_argument("--profile", action="store_true", help="cProfile's view too")
    options = parser.parse_args(arguments)
    for which in (PICKER, ROUTER):
        uvloop.run(show(which, options.endpoints, options.body, options.lines, options.profile))


if __name__ == "__main__":
    main()
