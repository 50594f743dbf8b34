"""The ext_proc worker: ``python -m modelyard.extproc.worker --control SOCKET --worker N``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.exchange.contract import ClientFacts
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.asking_connections import AskingConnections
from modelyard.extproc.body_based_router import BodyBasedRouter
from modelyard.extproc.endpoint_picker import PROCESS, EndpointPicker
from modelyard.extproc.failed_connections import FailedConnections, PortFaults, reporting
from modelyard.extproc.grpc_limits import GrpcLimits
from modelyard.extproc.grpc_server import GrpcServer
from modelyard.extproc.grpc_stream import GrpcStream, OpenStream, StreamHandler
from modelyard.extproc.health_service import EXTERNAL_PROCESSOR, OVERALL, READINESS, HealthService
from modelyard.extproc.seldom_told import SeldomTold
from modelyard.extproc.waiting_requests import WaitingRequests
from modelyard.http1.message_heads import RequestHead
from modelyard.routing.listeners import Certificate
from modelyard.snapshot import Snapshot
from modelyard.telemetry.flow_metrics import STEP_BOUNDS
from modelyard.telemetry.histogram import Histogram
from modelyard.telemetry.objective_metrics import ObjectiveMetrics
from modelyard.telemetry.picker_rows import PickerRows, PluginRow
from modelyard.worker.certificates import HTTP_2, CertificateTable
from modelyard.worker.life import WorkerLife, run_worker
from modelyard.worker.protocol import BindingFault, Configure, ExtProc, GrpcBinding, PoolGauges, Stats
from modelyard.worker.timing_wheel import TimingWheel

_encode_rows = msgspec.msgpack.Encoder().encode

OLD_SERVICE = "inference-extension"
"""What charts of the inference extension up to v0.3 probe."""
_READINESS_NAMES = (READINESS, OVERALL, EXTERNAL_PROCESSOR, OLD_SERVICE)


class ExtProcServer:
    """gRPC on the ports of an endpoint picker or a body-based router."""

    def __init__(self, life: WorkerLife) -> None:
        self._life = life
        loop = asyncio.get_running_loop()
        self.wheel = TimingWheel(loop)
        self.wheel.start()
        self.wheel.every_tick(self._tell_health)
        self._server = GrpcServer(loop)
        self._health_server = GrpcServer(loop)
        """Ports without ext_proc: probes are answered for as long as the process lives."""
        self._health = HealthService()
        self._ready: bool | None = None
        self._certificates = CertificateTable(HTTP_2)
        self._bound: set[GrpcBinding] = set()
        self._objectives = ObjectiveMetrics()
        self._waiting = WaitingRequests(self._objectives.names, self._objectives.flows.fairness_ids)
        self._picker: EndpointPicker | None = None
        self._router: BodyBasedRouter | None = None
        self._open: OpenStream | None = None
        self._asking = AskingConnections()
        self._failed = FailedConnections(SeldomTold(time.monotonic))

    @property
    def open_connections(self) -> int:
        return self._server.open_connections + self._health_server.open_connections

    def explain(self, listener: str, head: RequestHead, body: bytes, now: float) -> dict[str, Any]:
        """``listener``: the pool, ``namespace/name``; or a listener group (``namespace/gateway:port``), of a yard whose
        routes Envoy follows."""
        if ":" in listener:
            return self._life.gateway.explain(head, body, ClientFacts(listener, "127.0.0.1"), now)
        if self._picker is None:
            raise ValueError("this process picks no endpoints")
        return self._picker.explain(listener, head, body, now)

    def count(self, stats: Stats, now: float) -> Stats:
        rows = PickerRows(
            objectives=self._objectives.drain(),
            flows=self._objectives.flows.drain(),
            cycles=self._life.dispatch_cycles,
            failed_connections=self._failed.drain(),
        )
        if self._router is not None:
            rows.router, rows.plugins = self._router.counts.drain()
        self._life.dispatch_cycles = Histogram.over(STEP_BOUNDS)
        for state in self._life.gateway.pool_states():
            rows.prefixes.count(state.scheduler.take_prefix_matches())
            timed = state.scheduler.time_policy(time.monotonic)
            if timed is not None:
                row = PluginRow(timed.point, timed.type, timed.name)
                row.seconds.observe(timed.seconds, STEP_BOUNDS)
                rows.plugins.append(row)
        pools = {
            state.label: PoolGauges(
                saturation=round(state.saturation_at(now), 4),
                queues=self._waiting.gauges(state.waiting.values()) if state.waiting else (),
                prefix_blocks=state.scheduler.prefixes_kept,
            )
            for state in self._life.gateway.pool_states()
        }
        return msgspec.structs.replace(
            stats,
            asking=self._asking.count(now),
            server_rows=_encode_rows(rows),
            pools=pools,
            running=self._picker.running() if self._picker is not None else {},
        )

    async def apply(self, order: Configure, snapshot: Snapshot) -> Sequence[BindingFault]:
        wanted = order.ext_proc
        if wanted is None:
            return ()
        self._serve(wanted, snapshot)
        limits = GrpcLimits().for_bodies(order.body_limit)
        self._server.limits = limits.for_messages(wanted.max_message) if wanted.max_message else limits
        self._certificates.require(wanted.tls_minimum)
        if wanted.certificate is not None:
            pair = wanted.certificate
            self._certificates.serve(Certificate(secret="", cert_pem=pair.cert_pem, key_pem=pair.key_pem))
        if self._bound - set(wanted.bindings):  # another control process, with other ports or without TLS
            self._server.close_listeners()
            self._health_server.close_listeners()
            self._bound.clear()
        faults = [fault for binding in wanted.bindings if (fault := await self._bind(binding)) is not None]
        self._tell_health(0.0)
        return faults

    def let_go(self, connections: int) -> None:
        self._asking.let_go(connections)

    def close(self) -> None:
        self._tell_health(0.0)
        self._server.close_listeners()

    async def drain(self, seconds: float) -> None:
        if self._picker is not None:
            self._picker.stop_watching()
        self._health.shut_down()
        await self._server.drain(seconds)
        self._health_server.close()
        self.wheel.stop()

    def _record(self, record: ExchangeRecord) -> None:
        self._life.record(record)
        self._objectives.record(record)

    def _serve(self, wanted: ExtProc, snapshot: Snapshot) -> None:
        """Answer new streams as the order in force says; open ones end as they began."""
        if wanted.picker is not None:
            if self._picker is None:
                loop = asyncio.get_running_loop()
                self._picker = EndpointPicker(
                    self._life.gateway,
                    self._record,
                    time.monotonic,
                    loop.call_later,
                    wanted.picker,
                    self._objectives.picked,
                )
            self._picker.apply(wanted.picker, snapshot)
            self._open = self._picker.open
        if wanted.router is not None:
            if self._router is None:
                loop = asyncio.get_running_loop()
                self._router = BodyBasedRouter(self._life.gateway, self._life.record, time.monotonic, loop.call_later)
            self._router.apply(wanted.router)
            self._life.know_models(wanted.router.models)
            self._open = self._router.open

    async def _bind(self, binding: GrpcBinding) -> BindingFault | None:
        if binding in self._bound:
            return None
        services = dict(self._health.services)
        if binding.processor:
            services[PROCESS] = self._open_stream
        host = f"[{binding.host}]" if ":" in binding.host else binding.host
        faults = PortFaults(self._failed, f"{host}:{binding.port}", health=not binding.processor)
        if binding.tls:
            self._certificates.base.sslobject_class = reporting(faults.no_handshake)
        server = self._server if binding.processor else self._health_server
        try:
            await server.listen(
                binding.host,
                binding.port,
                services,
                tls=self._certificates.base if binding.tls else None,
                reuse_port=self._life.options.reuse_port,
                faults=faults,
            )
        except OSError as error:
            message = f"{binding.host}:{binding.port} cannot be bound: {error.strerror or error}"
            return BindingFault(group="ext_proc", reason="PortUnavailable", message=message)
        self._bound.add(binding)
        return None

    def _open_stream(self, stream: GrpcStream) -> StreamHandler:
        assert self._open is not None  # ports are bound after the first order was taken
        self._asking.ask(stream.client)
        return self._open(stream)

    def _tell_health(self, now: float) -> None:
        ready = self._life.ready
        if ready != self._ready:
            self._ready = ready
            self._health.set(ready, *_READINESS_NAMES)


if __name__ == "__main__":
    run_worker("modelyard.extproc.worker", ExtProcServer)
