"""Probes as a manifest writes them -> probes of one replica: names become numbers, the Pod becomes its
address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.probes import Exec, Grpc, HttpGet, Probe, TcpSocket

if TYPE_CHECKING:
    from modelyard.resources import probes as written
    from modelyard.resources.pods import Container

DEFAULT_READINESS_PATH = "/health"
"""vLLM answers here once its model is loaded."""


class ProbeTarget(msgspec.Struct, frozen=True, kw_only=True):
    """The replica that probes are aimed at."""

    address: str
    names: Mapping[str, int]
    """Named container ports."""
    local_ports: Mapping[int, int]
    """Container port -> local port, where they differ."""
    rewrite: Callable[[str], str]
    """Leads paths in an exec probe's command to the replica's folders."""


def probe_target(
    container: Container, address: str, local_ports: Mapping[int, int], rewrite: Callable[[str], str]
) -> ProbeTarget:
    """The target of the probes of ``container``."""
    names = {port.name: port.container_port for port in container.ports if port.name}
    return ProbeTarget(address=address, names=names, local_ports=local_ports, rewrite=rewrite)


def plan_probe(probe: written.Probe | None, target: ProbeTarget) -> Probe | None:
    """The probe of one replica; None where the manifest has none.

    Raises ValueError for a port name that the container does not have.
    """
    if probe is None:
        return None
    action = _grpc(probe.grpc, target) if probe.grpc is not None else plan_action(probe, target)
    if action is None:
        return None
    return Probe(
        action=action,
        initial_delay=max(0, probe.initial_delay_seconds),
        period=max(1, probe.period_seconds),
        timeout=max(1, probe.timeout_seconds),
        success_threshold=max(1, probe.success_threshold),
        failure_threshold=max(1, probe.failure_threshold),
        grace=probe.termination_grace_period_seconds,
    )


def default_readiness(address: str, port: int) -> Probe:
    """What stands in for a missing readiness probe: without one a loading engine would count as ready."""
    action = HttpGet(host=address, port=port, path=DEFAULT_READINESS_PATH)
    return Probe(action=action, period=1.0, timeout=2.0)


def plan_action(
    probe: written.Probe | written.LifecycleHandler, target: ProbeTarget
) -> HttpGet | TcpSocket | Exec | None:
    """What a probe or a hook does, aimed at one replica; None: nothing that can be done here. Raises ValueError."""
    if probe.http_get is not None:
        get = probe.http_get
        return HttpGet(
            host=get.host or target.address,
            port=_port(get.port, target, own=not get.host),
            path=get.path if get.path.startswith("/") else f"/{get.path}",
            tls=get.scheme == "HTTPS",
            headers=tuple((header.name, header.value) for header in get.http_headers),
        )
    if probe.tcp_socket is not None:
        socket = probe.tcp_socket
        return TcpSocket(host=socket.host or target.address, port=_port(socket.port, target, own=not socket.host))
    if probe.exec is not None:
        return Exec(command=tuple(target.rewrite(word) for word in probe.exec.command))
    return None


def _grpc(check: written.GRPCAction, target: ProbeTarget) -> Grpc:
    return Grpc(host=target.address, port=_port(check.port, target, own=True), service=check.service)


def _port(port: int | str, target: ProbeTarget, *, own: bool) -> int:
    if isinstance(port, str):
        number = int(port) if port.isdecimal() else target.names.get(port)
        if number is None:
            raise ValueError(f"a probe names port {port!r}; the container's ports are {sorted(target.names)}")
        port = number
    return target.local_ports.get(port, port) if own else port
