"""The least that an endpoint picker in Python can be: ``python -m benchmarks.peers.minimal_picker --listen …``.

What people write first: gRPC's own server and Envoy's own message types, JSON read with msgspec, the endpoint with the
fewest requests under way. It keeps the Endpoint Picker Protocol as far as the benchmark's Envoy asks: the same phases
in the same order as ``modelyard epp`` gets and answers them, and the health service that Envoy looks at. It has no
metrics, no access log, no limits, and knows nothing of its endpoints but their addresses. gRPC runs on uvloop, which
was the faster of asyncio's loops.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import msgspec
import uvloop
from envoy.service.ext_proc.v3 import external_processor_pb2 as messages
from envoy.service.ext_proc.v3 import external_processor_pb2_grpc as services
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

_FIELD = "x-gateway-destination-endpoint"


class _Body(msgspec.Struct):
    model: str


_decode = msgspec.json.Decoder(_Body).decode


class MinimalPicker(services.ExternalProcessorServicer):  # type: ignore[misc]
    """Picks the least busy of ``endpoints``."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.busy = Counter(dict.fromkeys(endpoints, 0))
        self._go_on = {name: _plain(name) for name in ("request_headers", "response_headers", "response_trailers")}
        self._refused = messages.ProcessingResponse()
        self._refused.immediate_response.status.code = 400
        self._refused.immediate_response.body = b'{"error":{"message":"no JSON object with a model"}}'

    async def Process(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        endpoint = ""
        try:
            async for request in requests:
                phase = request.WhichOneof("request")
                if phase == "request_body":
                    try:
                        _decode(request.request_body.body)
                    except msgspec.MsgspecError:
                        yield self._refused
                        return
                    endpoint = min(self.busy, key=self.busy.__getitem__)
                    self.busy[endpoint] += 1
                    yield picked(endpoint)
                else:
                    yield self._go_on[phase]
        finally:
            if endpoint:
                self.busy[endpoint] -= 1


def _plain(phase: str) -> Any:
    answer = messages.ProcessingResponse()
    getattr(answer, phase).SetInParent()
    return answer


def picked(endpoint: str) -> Any:
    """The answer to a whole body: the pick in a header and in dynamic metadata, as the protocol wants it."""
    answer = messages.ProcessingResponse()
    common = answer.request_body.response
    field = common.header_mutation.set_headers.add()
    field.header.key, field.header.raw_value = _FIELD, endpoint.encode()
    answer.dynamic_metadata["envoy.lb"] = {_FIELD: endpoint}
    return answer


async def serve(listen: str, endpoints: Sequence[str]) -> None:
    """Listen until the process is ended."""
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    services.add_ExternalProcessorServicer_to_server(MinimalPicker(endpoints), server)
    states = health.aio.HealthServicer()
    await states.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server)
    server.add_insecure_port(listen)
    await server.start()
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--listen", required=True, help="HOST:PORT")
    parser.add_argument("--endpoints", required=True, help="ip:port of model servers, separated by commas")
    options = parser.parse_args()
    uvloop.run(serve(options.listen, options.endpoints.split(",")))


if __name__ == "__main__":
    main()
