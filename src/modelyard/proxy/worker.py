"""The data-plane worker: ``python -m modelyard.proxy.worker --control SOCKET --worker N``.

It gets resources and fleets from the control process, serves, and reports counts. When the control process is gone it
serves on with what it has and looks for it again; see ``Orphanhood`` for how that ends.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import random
import resource
import signal
import sys
import time
from collections.abc import Sequence

import msgspec
import uvloop

from modelyard import __version__
from modelyard.exchange.contract import ClientFacts, FailureKind
from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.fleet.delta import FleetDelta, apply
from modelyard.fleet.fleet import Fleet
from modelyard.http1.request_parsing import MalformedRequest, parse_request_head
from modelyard.proxy import worker_protocol as protocol
from modelyard.proxy.control_link import ControlLink
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.listeners import Listeners
from modelyard.proxy.log_file import open_log
from modelyard.proxy.orphanhood import Orphanhood
from modelyard.resources.resource_set import ResourceSet, decode_objects
from modelyard.routing.listeners import Listener
from modelyard.snapshot import Settings, Snapshot, build_snapshot
from modelyard.telemetry.access_log import AccessLog
from modelyard.telemetry.request_metrics import RequestMetrics

log = logging.getLogger(__name__)

_decode_delta = msgspec.msgpack.Decoder(FleetDelta).decode
_encode_rows = msgspec.msgpack.Encoder().encode

_OWN_DESCRIPTORS = 32
"""Kept for listeners, logs and the control process."""
_GC_THRESHOLDS = (50_000, 20, 50)
"""Requests make no cycles, so the collector has little to find; it should not walk every open stream for it."""


_BIND_AGAIN_SECONDS = 2.0
_FILE_LIMITS = (65_536, 10_240)
"""Tried where the hard limit is no number: what systems commonly allow a process."""


class Worker:
    """One worker process."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._metrics = RequestMetrics()
        self._log_file = open_log(options.access_log) if options.access_log else None
        self._access_log = AccessLog(self._log_file.write, time.time) if self._log_file else None
        self._fleet = Fleet()
        self._fleet_number = 0
        self._stopping = asyncio.Event()
        self._binding = asyncio.Lock()
        self._wanted: tuple[protocol.Configure, Sequence[Listener]] | None = None
        """The order in force, and its listeners."""
        self._faults: tuple[protocol.BindingFault, ...] = ()
        self._drain_seconds = ProxyLimits().drain_deadline
        loop = asyncio.get_running_loop()
        self._gateway = Gateway(
            build_snapshot(ResourceSet(), generation=0),
            random.Random(),
            on_failure=self._endpoint_failed,
            on_missing=self._model_missing,
        )
        self._plane = DataPlane(loop, self._gateway, self._record, limits_here())
        self._listeners = Listeners(self._plane, reuse_port=options.reuse_port)
        hello = protocol.Hello(
            worker=options.worker, pid=os.getpid(), version=__version__, shares_ports=options.reuse_port
        )
        self._link = ControlLink(options.control, hello, self._take)
        self._orphanhood = Orphanhood(self._link, options.orphan_seconds)
        self._plane.wheel.every_tick(self._gateway.step)
        self._plane.wheel.every_second(self._report)

    async def run(self) -> None:
        """Serve until told to stop, then drain."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stopping.set)
        loop.add_signal_handler(signal.SIGINT, lambda: None)  # Ctrl-C reaches the control process, which drains us
        link = asyncio.create_task(self._link.run())
        orphanhood = asyncio.create_task(self._orphanhood.watch(self._endpoints, self._stop))
        binding = asyncio.create_task(self._bind_again())
        await self._stopping.wait()
        self._listeners.close()
        await self._plane.drain(self._drain_seconds)
        self._report(time.monotonic())
        for task in (link, orphanhood, binding):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._log_file is not None:
            self._log_file.close()

    def _stop(self, drain_seconds: float) -> None:
        self._drain_seconds = drain_seconds
        self._stopping.set()

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
                self._report(time.monotonic())
            case protocol.Drain():
                self._stop(message.seconds)

    async def _configure(self, order: protocol.Configure) -> None:
        """Compile aside, swap at once."""
        snapshot = await asyncio.to_thread(_compile, order)
        self._gateway.swap(snapshot)
        self._plane.limits = limits_here(max_body=order.body_limit)
        self._wanted = (order, snapshot.compiled.table.listeners)
        await self._bind(order.generation)
        gc.collect()
        gc.freeze()

    async def _bind(self, news: int = -1) -> None:
        """Open and close sockets as the order in force says, and report where that brings something new. ``news``: a
        generation that is reported in any case."""
        async with self._binding:
            if self._wanted is None or self._stopping.is_set():
                return
            order, listeners = self._wanted
            before = self._faults
            self._faults = tuple(await self._listeners.apply(order.bindings, listeners))
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
        self._gateway.update_fleet(self._fleet, time.monotonic())
        self._fleet_number = update.number

    def _explain(self, question: protocol.Explain) -> None:
        try:
            head = parse_request_head(question.head)
        except MalformedRequest as fault:
            self._link.send(protocol.Explained(id=question.id, error=fault.message))
            return
        client = ClientFacts(question.listener, "127.0.0.1")
        try:
            answer = self._gateway.explain(head, question.body, client, time.monotonic())
        except Exception as error:
            log.exception("explaining a request failed")
            self._link.send(protocol.Explained(id=question.id, error=f"the worker failed: {error}"))
            return
        self._link.send(protocol.Explained(id=question.id, answer=answer))

    # -- reports

    def _record(self, record: ExchangeRecord) -> None:
        self._metrics.record(record)
        if self._access_log is not None:
            self._access_log.record(record)

    def _endpoint_failed(self, address: str, kind: FailureKind, at: float) -> None:
        self._link.send(protocol.EndpointFailed(address=address, kind=kind, at=at))

    def _model_missing(self, address: str, model: str) -> None:
        self._link.send(protocol.ModelMissing(address=address, model=model))

    def _report(self, now: float) -> None:
        if self._access_log is not None:
            self._access_log.flush()
        if self._link.lost_at is not None:
            return
        in_flight = {str(key): dict(counts) for key, counts in self._gateway.in_flight().items() if counts}
        self._link.send(
            protocol.Stats(
                worker=self._options.worker,
                rows=_encode_rows(self._metrics.drain()),
                open_exchanges=self._gateway.open_exchanges,
                open_connections=len(self._plane.clients),
                in_flight=in_flight,
                fleet=self._fleet_number,
                waiting_for_loads={str(key): dict(row) for key, row in self._gateway.waiting_for_loads().items()},
            )
        )


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


def raise_file_limit() -> None:
    """Take as many descriptors as the system allows. Where that is said to be without limit (macOS), the system still
    refuses more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, *_FILE_LIMITS):
        if soft != resource.RLIM_INFINITY and (wanted > soft or wanted == resource.RLIM_INFINITY):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                return


def limits_here(**settings: int) -> ProxyLimits:
    """Limits that this process can keep: an open stream takes two descriptors, and running out of them would look
    like endpoints that refuse."""
    limits = ProxyLimits(**settings)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(1, (soft - _OWN_DESCRIPTORS) // 2)
    if soft == resource.RLIM_INFINITY or most >= limits.max_connections > 0:
        return limits
    return msgspec.structs.replace(limits, max_connections=most)


def options_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="modelyard.proxy.worker", description="A data-plane worker of Modelyard.")
    parser.add_argument("--control", required=True, help="Unix socket of the control process")
    parser.add_argument("--worker", type=int, default=0, help="number of this worker, from 0")
    parser.add_argument("--access-log", default="", help="file for the access log; - for standard output")
    parser.add_argument("--reuse-port", action="store_true", help="other workers bind the same ports")
    parser.add_argument(
        "--orphan-seconds", type=float, default=3600.0, help="how long to serve on without a control process"
    )
    return parser.parse_args(arguments)


async def _main(options: argparse.Namespace) -> None:
    await Worker(options).run()


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s worker: %(message)s")
    raise_file_limit()
    gc.set_threshold(*_GC_THRESHOLDS)
    uvloop.run(_main(options_of(sys.argv[1:])))


if __name__ == "__main__":
    main()
