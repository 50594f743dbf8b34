"""An endpoint picker that does wrong on purpose: what a request's ``x-fault`` says. In a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import grpc
from envoy.service.ext_proc.v3 import external_processor_pb2 as messages
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as services
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

Response = messages.ProcessingResponse
HUNG = 3600.0
QUEUED = 4.0
"""Seconds in the queue of a picker that asked for more time; longer than any message may take without asking."""


class FaultyPicker(services.ExternalProcessorServicer):  # type: ignore[misc]
    """Picks ``endpoints`` unless it is told otherwise."""

    def __init__(self, host: str, endpoints: str) -> None:
        self._endpoints = endpoints
        self.pools: list[str] = []
        """Which pool each stream was for."""
        self.served: list[str] = []
        """Which endpoint Envoy says has answered."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._start(f"{host}:9002"), self._loop).result(10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._server.stop(None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _start(self, address: str) -> Any:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
        services.add_ExternalProcessorServicer_to_server(self, server)
        states = health.aio.HealthServicer()
        await states.set("", health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(states, server)
        server.add_insecure_port(address)
        await server.start()
        return server

    async def Process(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        self.pools.append(dict(context.invocation_metadata()).get("x-gateway-inference-pool", ""))
        fault = ""
        async for message in requests:
            phase = message.WhichOneof("request")
            if phase == "request_headers":
                fields = {item.key: item.raw_value.decode() for item in message.request_headers.headers.headers}
                fault = fields.get("x-fault", "")
            if phase == "response_headers":
                served = message.metadata_context.filter_metadata["envoy.lb"]
                self.served.append(served["x-gateway-destination-endpoint-served"])
            if fault == f"close at {phase}":
                return
            if fault == f"hang at {phase}":
                await asyncio.sleep(HUNG)
            if fault == f"error at {phase}":
                await context.abort(grpc.StatusCode.INTERNAL, "on purpose")
            if fault == "queue" and phase == "request_body":
                more = Response()
                more.override_message_timeout.FromSeconds(60)
                yield more
                await asyncio.sleep(QUEUED)
            yield self._answer(phase, fault)

    def _answer(self, phase: str, fault: str) -> Any:
        answer = Response()
        getattr(answer, phase).SetInParent()
        if phase == "request_body" and fault != "no pick":
            picked = fault.removeprefix("pick ") if fault.startswith("pick ") else self._endpoints
            answer.dynamic_metadata["envoy.lb"] = {"x-gateway-destination-endpoint": picked}
        return answer
