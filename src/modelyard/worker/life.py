"""The life of a data-plane worker: it gets resources and fleets from the control process, serves, and reports counts.

When the control process is gone it serves on with what it has and looks for it again; see ``Orphanhood`` for how that
ends. What it serves, and on which sockets, is its ``Server``'s matter.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
import uvloop

from modelyard import __version__
from modelyard.exchange.contract import FailureKind
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.fleet.delta import FleetDelta, apply
from modelyard.fleet.fleet import Fleet
from modelyard.http1.message_heads import RequestHead
from modelyard.http1.request_parsing import MalformedRequest, parse_request_head
from modelyard.resources.resource_set import ResourceSet, decode_objects
from modelyard.snapshot import Settings, Snapshot, build_snapshot
from modelyard.telemetry.flow_metrics import STEP_BOUNDS
from modelyard.telemetry.histogram import Histogram
from modelyard.telemetry.request_metrics import RequestMetrics
from modelyard.worker import descriptors, protocol
from modelyard.worker.control_link import ControlLink
from modelyard.worker.orphanhood import Orphanhood
from modelyard.worker.request_log import RequestLog
from modelyard.worker.timing_wheel import TimingWheel

log = logging.getLogger(__name__)

_decode_delta = msgspec.msgpack.Decoder(FleetDelta).decode
_encode_rows = msgspec.msgpack.Encoder().encode

DRAIN_SECONDS = 30.0
"""From SIGTERM until what is still open is cut. What Kubernetes gives a Pod by default."""
_GC_THRESHOLDS = (50_000, 20, 50)
"""Requests make no cycles, so the collector has little to find; it should not walk every open stream for it."""
_BIND_AGAIN_SECONDS = 2.0
_LOOK_SECONDS = 0.1


class Server(Protocol):
    """What a kind of worker serves."""

    wheel: TimingWheel
    """Runs for as long as the server does."""

    @property
    def open_connections(self) -> int:
        """Connections of clients."""
        ...

    def explain(self, listener: str, head: RequestHead, body: bytes, now: float) -> dict[str, Any]:
        """Where a request would go and why (``protocol.Explain``). Raises ValueError where it cannot be asked for."""
        ...

    def count(self, stats: protocol.Stats, now: float) -> protocol.Stats:
        """``stats`` with what this kind of worker counts beside, since it was last asked."""
        ...

    async def apply(self, order: protocol.Configure, snapshot: Snapshot) -> Sequence[protocol.BindingFault]:
        """Open and close sockets as the order in force says, without dropping a connection; what could not be bound.
        Called again with the same order where something could not."""
        ...

    def let_go(self, connections: int) -> None:
        """Ask the clients of so many connections to connect anew (``protocol.LetGo``)."""
        ...

    def close(self) -> None:
        """Take no more connections; those that stand are left alone."""
        ...

    async def drain(self, seconds: float) -> None:
        """Let what is open end within ``seconds``, cut the rest, and stop the wheel."""
        ...


class WorkerLife:
    """One worker process."""

    def __init__(self, options: argparse.Namespace, make_server: Callable[[WorkerLife], Server]) -> None:
        """``make_server`` is called once, when everything but ``server`` is there."""
        self.options = options
        self._metrics = RequestMetrics()
        self._requests = RequestLog(options.access_log)
        self._fleet = Fleet()
        self._fleet_number = 0
        self.fleet_checked = False
        """Every endpoint was looked at once, so what is ready is known."""
        self.stopping = asyncio.Event()
        """Set when the drain begins."""
        self._leaving: asyncio.Task[None] | None = None
        """Waits for the drain to begin."""
        self._binding = asyncio.Lock()
        self._wanted: tuple[protocol.Configure, Snapshot] | None = None
        """What is in force."""
        self._faults: tuple[protocol.BindingFault, ...] = ()
        self._drain_seconds = DRAIN_SECONDS
        self.gateway = Gateway(
            build_snapshot(ResourceSet(), generation=0),
            random.Random(),
            on_failure=self._endpoint_failed,
            on_missing=self._model_missing,
        )
        hello = protocol.Hello(
            worker=options.worker, pid=os.getpid(), version=__version__, shares_ports=options.reuse_port
        )
        self._link = ControlLink(options.control, hello, self._take)
        self._orphanhood = Orphanhood(self._link, options.orphan_seconds, DRAIN_SECONDS)
        self.server = make_server(self)
        self.dispatch_cycles = Histogram.over(STEP_BOUNDS)
        """Seconds of turns of the queues at which something waited."""
        self.server.wheel.every_tick(self._step)
        self.server.wheel.every_second(self._report)

    async def run(self) -> None:
        """Serve until told to stop, then drain."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self.stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the control process, which drains us
        link = asyncio.create_task(self._link.run())
        orphanhood = asyncio.create_task(self._orphanhood.watch(self._endpoints, self._stop))
        binding = asyncio.create_task(self._bind_again())
        await self.stopping.wait()
        self.server.close()
        await self.server.drain(self._drain_seconds)
        self._report(time.monotonic())
        for task in (link, orphanhood, binding, *((self._leaving,) if self._leaving is not None else ())):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._requests.close()

    @property
    def ready(self) -> bool:
        """A configuration is in force, endpoints were looked at, and the worker is not about to end."""
        leaving = self._leaving is not None or self.stopping.is_set()
        return self._wanted is not None and self.fleet_checked and not leaving

    def record(self, record: ExchangeRecord) -> None:
        """Count and log a finished exchange."""
        self._metrics.record(record)
        if self._requests.lines is not None:
            self._requests.lines.record(record)

    def know_models(self, models: Iterable[str]) -> None:
        """Names that metrics may have as labels before a request for them was sent anywhere."""
        self._metrics.know(models)

    def _step(self, now: float) -> None:
        if not self.gateway.has_waiting:
            self.gateway.step(now)
            return
        began = time.monotonic()
        self.gateway.step(now)
        self.dispatch_cycles.observe(time.monotonic() - began, STEP_BOUNDS)

    def _stop(self, drain_seconds: float, after: float = 0.0) -> None:
        self._drain_seconds = drain_seconds
        if after <= 0:
            self.stopping.set()
        elif self._leaving is None:
            self._leaving = asyncio.create_task(self._leave(after))

    async def _leave(self, after: float) -> None:
        """Serve on for so long, or until nobody is connected any more."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(after):
                while self.server.open_connections:  # noqa: ASYNC110 - connections end by themselves
                    await asyncio.sleep(_LOOK_SECONDS)
        self.stopping.set()

    def _endpoints(self) -> list[str]:
        return [state.endpoint.address for backend in self._fleet.backends.values() for state in backend.endpoints]

    # -- orders

    async def _take(self, message: protocol.ToWorker) -> None:
        match message:
            case protocol.Configure():
                await self._configure(message)
            case protocol.FleetUpdate():
                self._update_fleet(message)
            case protocol.Explain():
                self._explain(message)
            case protocol.Report():
                self._report(time.monotonic(), message.id)
            case protocol.Drain():
                self._stop(message.seconds, message.after)
            case protocol.LetGo():
                self.server.let_go(message.connections)

    async def _configure(self, order: protocol.Configure) -> None:
        """Compile aside, swap at once."""
        if order.access_log is not None:
            self._requests.move(order.access_log)
        snapshot = await asyncio.to_thread(_compile, order)
        self.gateway.swap(snapshot)
        self._wanted = (order, snapshot)
        await self._bind(order.generation)
        gc.collect()
        gc.freeze()

    async def _bind(self, news: int = -1) -> None:
        """Have the order in force carried out, and report where that brings something new. ``news``: a generation that
        is reported in any case."""
        async with self._binding:
            if self._wanted is None or self.stopping.is_set():
                return
            order, snapshot = self._wanted
            before = self._faults
            self._faults = tuple(await self.server.apply(order, snapshot))
            if news == order.generation or self._faults != before:
                self._link.send(protocol.Configured(generation=order.generation, faults=self._faults))

    async def _bind_again(self) -> None:
        """An address that was taken when it was asked for may become free."""
        while True:
            await asyncio.sleep(_BIND_AGAIN_SECONDS)
            if any(fault.reason == "PortUnavailable" for fault in self._faults):
                await self._bind()

    def _update_fleet(self, update: protocol.FleetUpdate) -> None:
        """Raises ValueError where the update does not fit what is known."""
        before = Fleet() if update.whole else self._fleet
        self._fleet = apply(before, _decode_delta(update.delta))
        self.gateway.update_fleet(self._fleet, time.monotonic())
        self._fleet_number = update.number
        self.fleet_checked = self.fleet_checked or update.checked

    def _explain(self, question: protocol.Explain) -> None:
        try:
            head = parse_request_head(question.head)
            answer = self.server.explain(question.listener, head, question.body, time.monotonic())
        except MalformedRequest as fault:
            self._link.send(protocol.Explained(id=question.id, error=fault.message))
        except ValueError as fault:
            self._link.send(protocol.Explained(id=question.id, error=str(fault)))
        except Exception as error:
            log.exception("explaining a request failed")
            self._link.send(protocol.Explained(id=question.id, error=f"the worker failed: {error}"))
        else:
            self._link.send(protocol.Explained(id=question.id, answer=answer))

    # -- reports

    def _endpoint_failed(self, address: str, kind: FailureKind, at: float) -> None:
        self._link.send(protocol.EndpointFailed(address=address, kind=kind, at=at))

    def _model_missing(self, address: str, model: str) -> None:
        self._link.send(protocol.ModelMissing(address=address, model=model))

    def _report(self, now: float, question: int = 0) -> None:
        self._requests.flush()
        if self._link.lost_at is not None:
            return
        in_flight = {str(key): dict(counts) for key, counts in self.gateway.in_flight().items() if counts}
        stats = protocol.Stats(
            worker=self.options.worker,
            report=question,
            rows=_encode_rows(self._metrics.drain()),
            open_exchanges=self.gateway.open_exchanges,
            open_connections=self.server.open_connections,
            in_flight=in_flight,
            fleet=self._fleet_number,
            waiting_for_loads={str(key): dict(row) for key, row in self.gateway.waiting_for_loads().items()},
        )
        self._link.send(self.server.count(stats, now))


def _compile(order: protocol.Configure) -> Snapshot:
    """Runs in a thread: a large set of resources takes long to decode as well."""
    return build_snapshot(
        decode_objects(order.resources),
        generation=order.generation,
        settings=Settings(
            body_limit=order.body_limit, endpoint_header=order.endpoint_header, adapter_wait=order.adapter_wait
        ),
        gateway_class=order.gateway_class,
    )


def options_of(program: str, arguments: Sequence[str]) -> argparse.Namespace:
    """What the control process says on the command line of a worker. ``program``: its module."""
    parser = argparse.ArgumentParser(prog=program, description="A data-plane worker of Modelyard.")
    parser.add_argument("--control", required=True, help="Unix socket of the control process")
    parser.add_argument("--worker", type=int, default=0, help="number of this worker, from 0")
    parser.add_argument("--access-log", default="", help="file for the access log; - for standard output")
    parser.add_argument("--reuse-port", action="store_true", help="other workers bind the same ports")
    parser.add_argument(
        "--orphan-seconds", type=float, default=3600.0, help="how long to serve on without a control process"
    )
    return parser.parse_args(arguments)


async def _live(options: argparse.Namespace, make_server: Callable[[WorkerLife], Server]) -> None:
    await WorkerLife(options, make_server).run()


def run_worker(program: str, make_server: Callable[[WorkerLife], Server]) -> None:
    """The main function of a worker's module."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s worker: %(message)s")
    descriptors.raise_limit()
    gc.set_threshold(*_GC_THRESHOLDS)
    uvloop.run(_live(options_of(program, sys.argv[1:]), make_server))
