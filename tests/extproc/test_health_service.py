from __future__ import annotations

from typing import Any

import pytest
from grpc_health.v1 import health_pb2 as pb

from modelyard.extproc.health_service import EXTERNAL_PROCESSOR, LIVENESS, OVERALL, READINESS, HealthService
from modelyard.http2 import grpc

SERVING, NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = pb.HealthCheckResponse.SERVICE_UNKNOWN


class KeepingStream:
    """A ``GrpcStream`` that keeps what is sent."""

    path = peer = ""
    metadata: dict[str, str] = {}  # noqa: RUF012
    reading_paused = False

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.status: int | None = None
        self.taken = True

    def send(self, message: bytes, *, last: bool = False) -> bool:
        assert self.status is None
        self.sent.append(message)
        if last:
            self.status = grpc.OK
        return self.taken

    def finish(self, status: int = grpc.OK, message: str = "") -> None:
        assert self.status is None
        self.status = status

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def statuses(self) -> list[int]:
        return [pb.HealthCheckResponse.FromString(one).status for one in self.sent]


def ask(health: HealthService, method: str, *messages: bytes) -> tuple[KeepingStream, Any]:
    stream = KeepingStream()
    call = health.services[f"/grpc.health.v1.Health/{method}"](stream)
    for message in messages:
        call.on_message(message)
    if stream.status is None:
        call.on_half_close()
    return stream, call


def request(service: str) -> bytes:
    return pb.HealthCheckRequest(service=service).SerializeToString()


@pytest.fixture
def health() -> HealthService:
    service = HealthService()
    service.set(True, READINESS, EXTERNAL_PROCESSOR)
    service.set(False, OVERALL)
    return service


@pytest.mark.parametrize(
    ("name", "wanted"),
    [(LIVENESS, SERVING), (READINESS, SERVING), (EXTERNAL_PROCESSOR, SERVING), (OVERALL, NOT_SERVING)],
)
def test_check_says_who_serves(health: HealthService, name: str, wanted: int) -> None:
    stream, _ = ask(health, "Check", request(name))
    assert (stream.statuses(), stream.status) == ([wanted], grpc.OK)


def test_check_of_another_service_is_not_found(health: HealthService) -> None:
    stream, _ = ask(health, "Check", request("shoes"))
    assert (stream.sent, stream.status) == ([], grpc.NOT_FOUND)


@pytest.mark.parametrize("method", ["Check", "Watch", "List"])
@pytest.mark.parametrize("messages", [(), (b"", b""), (b"\xff",), (b"\x0a\x05a",)])
def test_anything_but_one_request_is_invalid(health: HealthService, method: str, messages: tuple[bytes, ...]) -> None:
    stream, _ = ask(health, method, *messages)
    assert (stream.sent, stream.status) == ([], grpc.INVALID_ARGUMENT)


def test_unknown_fields_of_a_request_are_passed_over(health: HealthService) -> None:
    stream, _ = ask(health, "Check", b"\x10\x01" + request(READINESS) + b"\x1a\x01x")
    assert stream.statuses() == [SERVING]


def test_watch_says_each_change_once_until_the_client_goes(health: HealthService) -> None:
    stream, call = ask(health, "Watch", request(READINESS))
    other, _ = ask(health, "Watch", request("later"))
    health.set(True, READINESS)
    health.set(False, READINESS, "later")
    health.set(True, READINESS)
    assert stream.statuses() == [SERVING, NOT_SERVING, SERVING]
    assert other.statuses() == [SERVICE_UNKNOWN, NOT_SERVING]
    assert (stream.status, other.status) == (None, None)
    call.on_cancelled()
    health.set(False, READINESS)
    assert len(stream.sent) == 3


def test_a_watcher_that_does_not_read_gets_the_last_status_only(health: HealthService) -> None:
    stream, call = ask(health, "Watch", request(READINESS))
    stream.taken = False
    for serving in (False, True, False, True, False):
        health.set(serving, READINESS)
    stream.taken = True
    call.on_writable()
    assert stream.statuses() == [SERVING, NOT_SERVING]
    health.set(True, READINESS)
    assert stream.statuses() == [SERVING, NOT_SERVING, SERVING]


def test_list_has_all(health: HealthService) -> None:
    stream, _ = ask(health, "List", pb.HealthListRequest().SerializeToString())
    listed = pb.HealthListResponse.FromString(stream.sent[0])
    assert {name: one.status for name, one in listed.statuses.items()} == {
        LIVENESS: SERVING,
        READINESS: SERVING,
        EXTERNAL_PROCESSOR: SERVING,
        OVERALL: NOT_SERVING,
    }


def test_nothing_serves_and_nobody_watches_once_it_shuts_down(health: HealthService) -> None:
    stream, call = ask(health, "Watch", request(READINESS))
    health.shut_down()
    health.set(True, READINESS)
    call.on_writable()
    assert (stream.statuses(), stream.status) == ([SERVING, NOT_SERVING], grpc.UNAVAILABLE)
    late, _ = ask(health, "Watch", request(READINESS))
    assert (late.statuses(), late.status) == ([NOT_SERVING], grpc.UNAVAILABLE)
    check, _ = ask(health, "Check", request(READINESS))
    assert check.statuses() == [NOT_SERVING]


def test_a_process_that_shuts_down_is_alive(health: HealthService) -> None:
    """Endpoint Picker Protocol, section "Health Check Services": liveness is that it answers."""
    health.shut_down()
    check, _ = ask(health, "Check", request(LIVENESS))
    assert check.statuses() == [SERVING]
