"""Probes and lifecycle hooks of a container (Kubernetes core ``v1``), with Kubernetes' defaults."""

from __future__ import annotations

from typing import Literal

from modelyard.resources.bases import Lenient


class HTTPHeaderEntry(Lenient, frozen=True, kw_only=True):
    """A header that a probe sends."""

    name: str
    value: str = ""


class HTTPGetAction(Lenient, frozen=True, kw_only=True):
    """Succeeds on status 200 to 399."""

    path: str = "/"
    port: int | str
    """Number, or name of a container port."""
    host: str | None = None
    scheme: Literal["HTTP", "HTTPS"] = "HTTP"
    http_headers: tuple[HTTPHeaderEntry, ...] = ()


class TCPSocketAction(Lenient, frozen=True, kw_only=True):
    """Succeeds when the port accepts a connection."""

    port: int | str
    host: str | None = None


class ExecAction(Lenient, frozen=True, kw_only=True):
    """Succeeds on exit status 0. Not run through a shell."""

    command: tuple[str, ...] = ()


class GRPCAction(Lenient, frozen=True, kw_only=True):
    """Succeeds when the gRPC health service answers SERVING."""

    port: int
    service: str = ""


class Probe(Lenient, frozen=True, kw_only=True):
    """When and how a container is asked how it is. All times in seconds."""

    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    exec: ExecAction | None = None
    grpc: GRPCAction | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3
    termination_grace_period_seconds: int | None = None


class SleepAction(Lenient, frozen=True, kw_only=True):
    """Waits."""

    seconds: int


class LifecycleHandler(Lenient, frozen=True, kw_only=True):
    """What is done at a lifecycle event; exactly one field is set."""

    exec: ExecAction | None = None
    http_get: HTTPGetAction | None = None
    tcp_socket: TCPSocketAction | None = None
    sleep: SleepAction | None = None


class Lifecycle(Lenient, frozen=True, kw_only=True):
    """Hooks of a container."""

    post_start: LifecycleHandler | None = None
    pre_stop: LifecycleHandler | None = None
    stop_signal: str | None = None
