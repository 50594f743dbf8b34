"""ext_proc without sockets: a stream that records what is sent on it, and a pool in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.struct_pb2 import Struct

from modelyard.exchange.gateway import Gateway
from modelyard.exchange.record import ExchangeRecord
from modelyard.extproc.body_based_router import BodyBasedRouter
from modelyard.extproc.endpoint_picker import EndpointPicker
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Settings, Snapshot, build_snapshot
from modelyard.worker.protocol import PickerSettings, RouterSettings

POOL = BackendKey(kind="InferencePool", namespace="default", name="pool")
A, B, C = "10.0.0.1:8000", "10.0.0.2:8000", "[2001:db8::3]:8000"

MANIFEST = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec:
  selector: {matchLabels: {app: a}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: pool-epp, port: {number: 9002}}
"""


def snapshot_of(manifest: str, **settings: Any) -> Snapshot:
    loaded = load_documents(manifest, "test.yaml")
    assert not loaded.errors, [str(error) for error in loaded.errors]
    resources, errors = ResourceSet.of(loaded.objects)
    assert not errors
    return build_snapshot(resources, settings=Settings(**settings))


def endpoint(address: str, *models: str, engine: str = "vllm", ready: bool = True, waiting: int = 0) -> EndpointState:
    served = tuple(ServedModel(id=name.partition("<")[0], parent=name.partition("<")[2] or None) for name in models)
    return EndpointState(
        endpoint=Endpoint(address=address, name=address, engine=engine),
        ready=ready,
        load=EngineLoad(at=100.0, waiting=waiting),
        models=served if models else None,
    )


class RecordingStream:
    """A ``GrpcStream`` that keeps what is sent."""

    path = "/envoy.service.ext_proc.v3.ExternalProcessor/Process"
    peer = "127.0.0.1"

    def __init__(self, metadata: Mapping[str, str] | None = None) -> None:
        self.metadata = metadata or {}
        self.sent: list[bytes] = []
        self.status: int | None = None
        self.message = ""
        self.reading_paused = False
        self.room: int | None = None
        """Messages that are taken before the client is full; None: any number."""

    def send(self, message: bytes, *, last: bool = False) -> bool:
        assert self.status is None, "sent after the stream's end"
        self.sent.append(message)
        if last:
            self.status = 0
        if self.room is None:
            return True
        self.room -= 1
        return self.room > 0

    def finish(self, status: int = 0, message: str = "") -> None:
        assert self.status is None, "finished twice"
        self.status, self.message = status, message

    def pause_reading(self) -> None:
        self.reading_paused = True

    def resume_reading(self) -> None:
        self.reading_paused = False

    def answers(self) -> list[pb.ProcessingResponse]:
        """What was sent since the last call."""
        sent, self.sent = self.sent, []
        return [pb.ProcessingResponse.FromString(message) for message in sent]


class Alarms:
    """``call_later`` by hand."""

    def __init__(self) -> None:
        self.pending: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Alarms._Alarm:
        entry = (seconds, call)
        self.pending.append(entry)
        return Alarms._Alarm(self, entry)

    def ring(self) -> None:
        pending, self.pending = self.pending, []
        for _, call in pending:
            call()

    class _Alarm:
        def __init__(self, alarms: Alarms, entry: tuple[float, Callable[[], None]]) -> None:
            self._alarms, self._entry = alarms, entry

        def cancel(self) -> None:
            if self._entry in self._alarms.pending:
                self._alarms.pending.remove(self._entry)


class Call:
    """One stream under test: protobuf messages in, protobuf answers out."""

    def __init__(self, open_stream: Callable[[Any], Any], metadata: Mapping[str, str] | None = None) -> None:
        self.stream = RecordingStream(metadata)
        self.handler = open_stream(self.stream)

    def say(self, **fields: Any) -> list[pb.ProcessingResponse]:
        """Send one message; what was answered."""
        self.handler.on_message(pb.ProcessingRequest(**fields).SerializeToString())
        return self.stream.answers()

    def headers(self, *lines: tuple[str, str], end: bool = False, **fields: Any) -> list[pb.ProcessingResponse]:
        return self.say(request_headers=http_headers(lines or POST, end), **fields)

    def body(self, data: bytes, end: bool = True) -> list[pb.ProcessingResponse]:
        return self.say(request_body=pb.HttpBody(body=data, end_of_stream=end))

    def response(self, *lines: tuple[str, str], end: bool = False, **fields: Any) -> list[pb.ProcessingResponse]:
        return self.say(response_headers=http_headers(lines or OK_JSON, end), **fields)

    def response_body(self, data: bytes, end: bool = True) -> list[pb.ProcessingResponse]:
        return self.say(response_body=pb.HttpBody(body=data, end_of_stream=end))


POST = ((":method", "POST"), (":path", "/v1/completions"), (":authority", "gw"), ("content-type", "application/json"))
GET = ((":method", "GET"), (":path", "/v1/models"), (":authority", "gw"))
OK_JSON = ((":status", "200"), ("content-type", "application/json"))
OK_SSE = ((":status", "200"), ("content-type", "text/event-stream"))

FULL_DUPLEX = pb.ProtocolConfiguration(request_body_mode=4, response_body_mode=4)
STREAMED = pb.ProtocolConfiguration(request_body_mode=1, response_body_mode=1)
UNPROMPTED = pb.ProtocolConfiguration(
    request_body_mode=1, response_body_mode=1, send_body_without_waiting_for_header_response=True
)
BUFFERED = pb.ProtocolConfiguration(request_body_mode=2, response_body_mode=2)
PARTIAL = pb.ProtocolConfiguration(request_body_mode=3, response_body_mode=3)
NO_BODIES = pb.ProtocolConfiguration()


def http_headers(lines: Sequence[tuple[str, str]], end: bool = False) -> pb.HttpHeaders:
    message = pb.HttpHeaders(end_of_stream=end)
    for key, value in lines:
        message.headers.headers.add(key=key, raw_value=value.encode())
    return message


def metadata_context(**namespaces: Mapping[str, Any]) -> Any:
    """Dynamic metadata; ``__`` in a name stands for a dot."""
    from envoy.config.core.v3.base_pb2 import Metadata

    metadata = Metadata()
    for name, values in namespaces.items():
        struct = Struct()
        struct.update(values)
        metadata.filter_metadata[name.replace("__", ".")].CopyFrom(struct)
    return metadata


def subset(hint: Any) -> Any:
    return metadata_context(envoy__lb__subset_hint={"x-gateway-destination-endpoint-subset": hint})


def served(address: str) -> Any:
    return metadata_context(envoy__lb={"x-gateway-destination-endpoint-served": address})


def set_headers(mutation: Any) -> dict[str, str]:
    return {option.header.key: option.header.raw_value.decode() for option in mutation.set_headers}


def pick_of(answer: pb.ProcessingResponse) -> list[str]:
    """The endpoints picked; header and metadata say the same."""
    common = (answer.request_headers if answer.HasField("request_headers") else answer.request_body).response
    header = set_headers(common.header_mutation)["x-gateway-destination-endpoint"]
    assert answer.dynamic_metadata["envoy.lb"]["x-gateway-destination-endpoint"] == header
    assert common.clear_route_cache or answer.HasField("request_body")
    return header.split(",")


class Yard:
    """A gateway with one pool or several, and the picker in front of it."""

    def __init__(self, manifest: str = MANIFEST, seed: int = 1, **settings: Any) -> None:
        self.now = 100.0
        self.failures: list[tuple[str, str]] = []
        self.missing: list[tuple[str, str]] = []
        self.records: list[ExchangeRecord] = []
        """Of requests that are over."""
        self.picks: list[ExchangeRecord] = []
        """Of requests that endpoints were picked for."""
        self.alarms = Alarms()
        self.gateway = Gateway(
            snapshot_of(manifest, **settings),
            random.Random(seed),
            on_failure=lambda address, kind, now: self.failures.append((address, kind)),
            on_missing=lambda address, model: self.missing.append((address, model)),
        )
        self.picker = EndpointPicker(
            self.gateway,
            self.records.append,
            lambda: self.now,
            self.alarms.call_later,
            PickerSettings(),
            self.picks.append,
        )
        self.router = BodyBasedRouter(
            self.gateway, self.records.append, lambda: self.now, self.alarms.call_later, RouterSettings()
        )
        self._version = 0
        self.fleet(endpoint(A), endpoint(B), endpoint(C))

    def fleet(self, *states: EndpointState, key: BackendKey = POOL) -> None:
        self._version += 1
        backends = {key: BackendFleet(key=key, endpoints=states, version=self._version)}
        self.gateway.update_fleet(Fleet(backends=backends, version=self._version), self.now)

    def call(self, metadata: Mapping[str, str] | None = None) -> Call:
        return Call(self.picker.open, metadata)

    def route(self) -> Call:
        return Call(self.router.open)

    def in_flight(self, key: BackendKey = POOL) -> dict[str, int]:
        return dict(self.gateway.in_flight()[key])

    def at_rest(self) -> None:
        """Nothing is left of any request."""
        assert not any(self.gateway.in_flight().values())
        assert self.gateway.open_exchanges == 0
        assert self.picker.held_bodies == 0
        assert not self.picker.open_requests
        assert not self.picker.watching
        assert not self.alarms.pending
