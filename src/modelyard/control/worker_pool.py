"""The data-plane workers: started, fed with snapshots and fleets, started again when they die.

Workers outlive a control process that dies. They look for the next one at the same socket, and it takes them over, so
that neither clients nor endpoints notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from modelyard import __version__
from modelyard.admin.source import ExplainUnavailable
from modelyard.control.connection_spread import keep_spread
from modelyard.control.fresh_counts import FreshCounts
from modelyard.control.worker_counts import Counts, RequestTotals, adapter_waits, open_requests
from modelyard.control.worker_handle import Worker
from modelyard.control.worker_keeper import WorkerKeeper, end_silent
from modelyard.control.worker_questions import WorkerQuestions
from modelyard.fleet.delta import diff
from modelyard.fleet.fleet import Fleet
from modelyard.telemetry.request_metrics import RequestRow
from modelyard.worker import protocol
from modelyard.worker.log_file import STANDARD_OUTPUT
from modelyard.worker.request_log import absolute

log = logging.getLogger(__name__)

START = "modelyard.worker.start"
PROXY = "modelyard.proxy.worker"
EXT_PROC = "modelyard.extproc.worker"
"""Kinds of workers: the modules that are run, by ``START``."""

_INHERIT_SECONDS = 1.5
"""How long workers of a control process that died have to report; they try every half second."""
_HOLD_SECONDS = 5.0
"""How long they may go on with the fleet that they know, at most, until an endpoint of ours is found ready."""
_FOREIGN_DRAIN = 30.0
"""Seconds for the open requests of a worker that cannot be taken over (another version, another number of workers)."""

_encode_delta = msgspec.msgpack.Encoder().encode


class WorkerPool:
    """All workers. Everything runs on the control process's loop."""

    def __init__(
        self,
        count: int,
        socket_path: Path,
        *,
        kind: str = PROXY,
        access_log: str,
        on_failure: Callable[[str, float], None],
        on_configured: Callable[[], None] = lambda: None,
        on_missing: Callable[[str, str], None] = lambda address, model: None,
        on_rows: Callable[[bytes], None] = lambda rows: None,
    ) -> None:
        """``on_failure(address, at)`` hears of failed attempts (monotonic time), ``on_missing(address, model)`` of
        adapters that an endpoint does not have (engine-side name), ``on_rows`` of what the kind of worker counts."""
        self.workers = [Worker(number) for number in range(count)]
        self._totals = RequestTotals()
        self._questions = WorkerQuestions()
        self._fresh_counts = FreshCounts(self.workers)
        self._socket_path = socket_path
        self._kind = kind
        self._access_log = absolute(access_log)
        self._on_failure = on_failure
        self._on_configured = on_configured
        self._on_missing = on_missing
        self._on_rows = on_rows
        self._configure: protocol.Configure | None = None
        self._fleet = Fleet()
        self._checked = False
        self._fleet_number = time.monotonic_ns()
        """Counts up, from where no earlier control process of this machine can have been: workers outlive them."""
        self._server: asyncio.Server | None = None
        self._keepers = [WorkerKeeper(worker, self._command(worker)) for worker in self.workers]
        self._keeping: list[asyncio.Task[None]] = []
        self._watching: list[asyncio.Task[None]] = []
        self._stopping = False
        self._reported = asyncio.Event()
        self._joined = asyncio.Event()

    # ── life ──

    async def listen(self) -> bool:
        """Listen for workers. True: those of a predecessor that died were taken over; they hold the ports."""
        left_behind = self._socket_path.exists()
        self._socket_path.parent.mkdir(parents=True, exist_ok=True)
        self._socket_path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, str(self._socket_path))
        self._socket_path.chmod(0o600)
        if left_behind:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_INHERIT_SECONDS):
                    while not all(worker.connected for worker in self.workers):
                        await self._joined.wait()
                        self._joined.clear()
        return any(worker.connected for worker in self.workers)

    def start(self) -> None:
        """Start the workers that were not taken over, and keep all of them running."""
        self._keeping = [asyncio.create_task(keeper.run()) for keeper in self._keepers]
        self._watching = [asyncio.create_task(end_silent(self.workers))]
        if self._kind == EXT_PROC and len(self.workers) > 1:
            self._watching.append(asyncio.create_task(keep_spread(self.workers, lambda: self._stopping)))

    async def stop(self, drain_seconds: float, *, after: float = 0.0) -> None:
        """Drain and end every worker; kill those that outstay the drain. ``after``: as in ``protocol.Drain``."""
        self._stopping = True
        for task in self._watching:
            task.cancel()
        for keeper in self._keepers:
            keeper.stopping = True
        for worker in self.workers:
            if worker.connected:
                worker.send(protocol.Drain(seconds=drain_seconds, after=after))
            elif worker.process is not None and worker.process.returncode is None:
                worker.process.terminate()
        try:
            async with asyncio.timeout(after + drain_seconds + 3.0):
                await asyncio.gather(*self._keeping, return_exceptions=True)
        except TimeoutError:
            self.kill()
            await asyncio.gather(*self._keeping, return_exceptions=True)
        if self._server is not None:  # else the socket is another process's
            self._server.close()
            self._socket_path.unlink(missing_ok=True)

    def kill(self) -> None:
        """End every worker at once; open requests are cut."""
        for worker in self.workers:
            worker.kill()

    def _command(self, worker: Worker) -> tuple[str, ...]:
        return (
            sys.executable,
            "-m",
            START,
            self._kind,
            "--control",
            str(self._socket_path),
            "--worker",
            str(worker.number),
            "--access-log",
            self._access_log,
            *(["--reuse-port"] if len(self.workers) > 1 else []),
        )

    # ── what they are told ──

    def configure(self, message: protocol.Configure) -> None:
        """Put a snapshot in force in every worker."""
        message = msgspec.structs.replace(message, access_log=self._access_log)
        self._configure = message
        for worker in self.workers:
            worker.send(message)

    def update_fleet(self, fleet: Fleet, *, checked: bool = False) -> None:
        """Tell every worker what changed. ``checked``: every endpoint was looked at at least once."""
        self._fleet, self._checked = fleet, checked
        self._fleet_number += 1
        usable = any(state.ready for backend in fleet.backends.values() for state in backend.endpoints)
        for worker in self.workers:
            if worker.connected and not worker.behind and (usable or not worker.holds_fleet):
                self._send_fleet(worker)

    def _send_fleet(self, worker: Worker) -> None:
        worker.holds_fleet = False
        whole = not worker.fleet.backends
        delta = _encode_delta(diff(worker.fleet, self._fleet))
        worker.fleet = self._fleet
        worker.send(protocol.FleetUpdate(delta=delta, whole=whole, number=self._fleet_number, checked=self._checked))

    async def explain(self, listener: str, head: bytes, body: bytes) -> dict[str, Any]:
        """Ask a worker. Raises :class:`ExplainUnavailable`, or ValueError where the request is malformed."""
        worker = next((worker for worker in self.workers if worker.connected), None)
        if worker is None:
            raise ExplainUnavailable("no data-plane worker is up: try again in a second")
        return await self._questions.explain(worker, listener, head, body)

    # ── what they tell ──

    @property
    def generation(self) -> int:
        """The oldest generation that any worker serves; 0 until all serve one."""
        return min((worker.generation if worker.connected else 0) for worker in self.workers)

    @property
    def faults(self) -> tuple[protocol.BindingFault, ...]:
        """What workers could not bind."""
        return tuple(dict.fromkeys(fault for worker in self.workers for fault in worker.faults))

    @property
    def rows(self) -> dict[tuple[str, str, str, int, str], RequestRow]:
        """Request counters of all workers since the start."""
        return self._totals.rows

    def in_flight(self) -> Counts:
        """Open requests by backend label and address, all workers together."""
        return open_requests(self.workers)

    def waiting_for_loads(self) -> Counts:
        """Requests that wait for an adapter, by backend label and adapter, all workers together."""
        return adapter_waits(self.workers)

    async def counts_of_now(self) -> None:
        """Have what is counted here be what workers have counted up to now. Takes a second at most: half of it until
        those who asked before have their answer."""
        await self._fresh_counts.now()

    async def everyone_knows(self) -> None:
        """Wait until every worker sends requests by the fleet of now, or a later one, and has said what it has open
        since. A worker that is gone sends nothing, and gets the fleet of then when it comes."""
        number = self._fleet_number
        for worker in self.workers:
            if worker.connected and worker.stats.fleet < number:
                worker.send(protocol.Report())
        while any(worker.connected and worker.stats.fleet < number for worker in self.workers):
            await self._reported.wait()

    async def next_stats(self) -> None:
        """Wait until some worker reports what it has open."""
        await self._reported.wait()

    # ── one worker's connection ──

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One worker's connection, from its Hello to its end."""
        worker: Worker | None = None
        try:
            first = await protocol.read_from_worker(reader)
            if not isinstance(first, protocol.Hello):
                return
            worker = self._welcome(first, writer)
            if worker is None:
                writer.write(protocol.frame(protocol.Drain(seconds=_FOREIGN_DRAIN)))
                return
            while (message := await protocol.read_from_worker(reader)) is not None:
                self._take(worker, message)
        except (ValueError, msgspec.DecodeError):
            log.exception(
                "worker %s sent something that is no message; its connection is closed",
                worker and worker.number,
            )
        finally:
            if worker is not None and worker.writer is writer:
                worker.leave()
            writer.close()

    def _welcome(self, hello: protocol.Hello, writer: asyncio.StreamWriter) -> Worker | None:
        """The worker that says hello, told all that it needs; None: there is no place for it."""
        worker = self.workers[hello.worker] if hello.worker < len(self.workers) else None
        if worker is None or not (worker.may_be(hello) or self._inherits(worker, hello)):
            return None
        worker.join(writer)
        worker.heard_at = time.monotonic()
        if worker.holds_fleet:
            asyncio.get_running_loop().call_later(_HOLD_SECONDS, self._end_hold, worker)
        else:
            self._send_fleet(worker)
        if self._configure is not None:
            worker.send(self._configure)
        if self._stopping:
            worker.send(protocol.Drain(seconds=0.0))
        self._joined.set()
        return worker

    def _inherits(self, worker: Worker, hello: protocol.Hello) -> bool:
        """Take over a worker of a predecessor, where nothing of ours runs in its place and it is of the same kind."""
        shared = len(self.workers) > 1
        if worker.process is not None or worker.connected:
            return False
        if hello.version != __version__ or hello.shares_ports != shared:
            return False
        log.info("data-plane worker %d of the last control process goes on (process %d)", hello.worker, hello.pid)
        if self._access_log == STANDARD_OUTPUT:
            log.warning("its access log stays where it was, as its standard output does: stop it to have another")
        worker.inherited_pid, worker.holds_fleet = hello.pid, True
        return True

    def _end_hold(self, worker: Worker) -> None:
        if worker.holds_fleet and worker.connected:
            self._send_fleet(worker)

    def _take(self, worker: Worker, message: protocol.FromWorker) -> None:
        worker.heard_at = time.monotonic()
        match message:
            case protocol.Stats():
                worker.stats = message
                if worker.fleet is not self._fleet and not worker.holds_fleet and not worker.behind:
                    self._send_fleet(worker)
                self._reported.set()
                self._reported.clear()
                self._totals.add(message.rows)
                if message.server_rows:
                    self._on_rows(message.server_rows)
                self._fresh_counts.take(message)
            case protocol.EndpointFailed():
                self._on_failure(message.address, message.at)
            case protocol.ModelMissing():
                self._on_missing(message.address, message.model)
            case protocol.Configured():
                worker.generation = message.generation
                worker.faults = message.faults
                for fault in message.faults:
                    log.error("listener %s %s: %s", fault.group, fault.listener, fault.message)
                self._on_configured()
            case protocol.Explained():
                self._questions.take(message)
            case protocol.Hello():
                pass
