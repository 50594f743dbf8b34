"""What Envoy 1.40 sends to an ext_proc server for one small request, in the modes of ``modelyard envoy-config``."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import hpack
from envoy.service.ext_proc.v3 import external_processor_pb2 as messages

from benchmarks.answers import MODEL
from modelyard.envoy.external_processing import PICK_NAMESPACE, SERVED_KEY
from modelyard.extproc.processing_request import BUFFERED
from modelyard.extproc.processor import PROCESS
from modelyard.http2 import frames

_NUMBER = struct.Struct("!L")
_NUMBER_AT = 5
"""Where a frame has the number of its stream."""


class Frames:
    """One read of the server's socket: frames of one stream, whose number is written into them each time."""

    def __init__(self, *made: bytes) -> None:
        self._data = bytearray(b"".join(made))
        self._places: list[int] = []
        at = 0
        for one in made:
            self._places.append(at + _NUMBER_AT)
            at += len(one)

    def of(self, stream: int) -> bytes:
        for place in self._places:
            _NUMBER.pack_into(self._data, place, stream)
        return bytes(self._data)


def header_blocks(metadata: Mapping[str, str]) -> tuple[bytes, bytes]:
    """A stream's header block as the first one of a connection has it, and as all others do: by the table."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": PROCESS,
        ":authority": "modelyard-endpoint-picker",
        "te": "trailers",
        "content-type": "application/grpc",
        "x-envoy-internal": "true",
        "x-forwarded-for": "127.0.0.1",
        **metadata,
    }
    encoder = hpack.Encoder()
    return encoder.encode(fields.items()), encoder.encode(fields.items())


def message_frame(message: Any) -> bytes:
    """A DATA frame with one gRPC message."""
    data = message.SerializeToString()
    return frames.frame(frames.DATA, 0, 0, b"\0" + _NUMBER.pack(len(data)) + data)


def request_messages(body: bytes, *, served: str = "") -> list[Any]:
    """The request's head and its body; where ``served`` by an endpoint, the answer's head too."""
    head, whole = messages.ProcessingRequest(), messages.ProcessingRequest()
    head.protocol_config.request_body_mode = BUFFERED
    _put(
        head.request_headers.headers,
        {
            ":authority": "127.0.0.1:8080",
            ":path": "/v1/chat/completions",
            ":method": "POST",
            ":scheme": "http",
            "user-agent": "benchmark",
            "accept": "*/*",
            "authorization": "Bearer none",
            "content-type": "application/json",
            "content-length": str(len(body)),
            "x-forwarded-proto": "http",
            "x-request-id": "5e0c7a2e-3f2c-4f08-9a49-0d7ec1a2b7f1",
            "x-gateway-model-name": MODEL,
        },
    )
    whole.request_body.body = body
    whole.request_body.end_of_stream = True
    return [head, whole, _answered(served)] if served else [head, whole]


def _answered(served: str) -> Any:
    answered = messages.ProcessingRequest()
    answered.metadata_context.filter_metadata[PICK_NAMESPACE].update({SERVED_KEY: served})
    fields = {":status": "200", "server": "uvicorn", "content-length": "500", "content-type": "application/json"}
    _put(answered.response_headers.headers, {**fields, "date": "Thu, 01 Jan 2026 00:00:00 GMT"})
    return answered


def _put(target: Any, fields: Mapping[str, str]) -> None:
    for name, value in fields.items():
        target.headers.add(key=name, raw_value=value.encode())
