"""``grpc.health.v1.Health``: what Kubernetes' gRPC probes and Envoy's health checks ask.

Services are ``liveness`` (the process answers), ``readiness``, the ext_proc service by its own name, and ``""``
(overall): the names that operators of endpoint pickers probe. Semantics are those of the gRPC health checking protocol.
"""

from __future__ import annotations

from modelyard.extproc.grpc_stream import GrpcStream, Services
from modelyard.extproc.protobuf_wire import LENGTH, MalformedMessage, fields, nested
from modelyard.http2 import grpc

LIVENESS = "liveness"
READINESS = "readiness"
OVERALL = ""
EXTERNAL_PROCESSOR = "envoy.service.ext_proc.v3.ExternalProcessor"

SERVING = b"\x08\x01"
NOT_SERVING = b"\x08\x02"
SERVICE_UNKNOWN = b"\x08\x03"
"""HealthCheckResponse with each status."""


class HealthService:
    """Who serves, for any number of ports. ``set`` tells every watcher."""

    def __init__(self) -> None:
        self._status: dict[str, bytes] = {LIVENESS: SERVING}
        self._watchers: dict[_Watch, None] = {}
        self.shutting_down = False
        """``shut_down`` was called; ``set`` has no effect any more."""
        self.services: Services = {
            "/grpc.health.v1.Health/Check": lambda stream: _Check(stream, self),
            "/grpc.health.v1.Health/Watch": lambda stream: _Watch(stream, self),
            "/grpc.health.v1.Health/List": lambda stream: _List(stream, self),
        }
        """The methods, to be served beside others."""

    def set(self, serving: bool, *names: str) -> None:
        """From now on, services ``names`` serve or do not."""
        status = SERVING if serving and not self.shutting_down else NOT_SERVING
        for name in names:
            self._status[name] = status
        for watch in list(self._watchers):
            watch.tell()

    def shut_down(self) -> None:
        """The process is ending: it is alive, but nothing serves any more. Watchers are sent away, for whom a drain
        would wait."""
        self.shutting_down = True
        self.set(False, *(name for name in self._status if name != LIVENESS))
        for watch in list(self._watchers):
            watch.send_away()

    def status(self, name: str) -> bytes:
        """The answer for a service; ``SERVICE_UNKNOWN`` where it never was set."""
        return self._status.get(name, SERVICE_UNKNOWN)

    def listed(self) -> bytes:
        """HealthListResponse."""
        entries = (nested(1, name.encode()) + nested(2, status) for name, status in self._status.items())
        return b"".join(nested(1, entry) for entry in entries)

    def add_watcher(self, watch: _Watch) -> None:
        self._watchers[watch] = None

    def remove_watcher(self, watch: _Watch) -> None:
        self._watchers.pop(watch, None)


class _Asked:
    """A call with one request message."""

    def __init__(self, stream: GrpcStream, health: HealthService) -> None:
        self._stream = stream
        self._health = health
        self._request: bytes | None = None

    def on_message(self, message: bytes) -> None:
        if self._request is not None:
            self._stream.finish(grpc.INVALID_ARGUMENT, "one request is expected")
            return
        self._request = message

    def on_message_begun(self, size: int) -> None:
        """A question to a health service is short."""

    def on_half_close(self) -> None:
        if self._request is None:
            self._stream.finish(grpc.INVALID_ARGUMENT, "a request is expected")
            return
        try:
            self.answer(_service(self._request))
        except MalformedMessage:
            self._stream.finish(grpc.INVALID_ARGUMENT, "the request is no HealthCheckRequest")

    def answer(self, service: str) -> None:
        raise NotImplementedError

    def on_cancelled(self) -> None:
        pass

    def on_writable(self) -> None:
        pass


class _Check(_Asked):
    def answer(self, service: str) -> None:
        status = self._health.status(service)
        if status == SERVICE_UNKNOWN:
            self._stream.finish(grpc.NOT_FOUND, f"there is no service {service[:200]!r} here")
        else:
            self._stream.send(status, last=True)


class _List(_Asked):
    def answer(self, service: str) -> None:
        self._stream.send(self._health.listed(), last=True)


class _Watch(_Asked):
    """Says the status now, and each time that it changes, until the client goes. A client that does not read is told
    the last one only."""

    def __init__(self, stream: GrpcStream, health: HealthService) -> None:
        _Asked.__init__(self, stream, health)
        self._service = ""
        self._told = b""
        self._full = False

    def answer(self, service: str) -> None:
        self._service = service
        self._health.add_watcher(self)
        self.tell()
        if self._health.shutting_down:
            self.send_away()

    def tell(self) -> None:
        status = self._health.status(self._service)
        if status != self._told and not self._full:
            self._told = status
            self._full = not self._stream.send(status)

    def send_away(self) -> None:
        self._health.remove_watcher(self)
        self._stream.finish(grpc.UNAVAILABLE, "the server is shutting down")

    def on_writable(self) -> None:
        self._full = False
        self.tell()

    def on_cancelled(self) -> None:
        self._health.remove_watcher(self)


def _service(message: bytes) -> str:
    """``service`` of a HealthCheckRequest (field 1). Raises MalformedMessage."""
    service = b""
    for number, kind, start, end in fields(message, 0, len(message)):
        if number == 1 and kind == LENGTH:
            service = message[start:end]
    return service.decode("utf-8", "replace")
