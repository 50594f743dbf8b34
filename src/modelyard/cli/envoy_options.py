"""Values of options that name ext_proc servers and endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.envoy.pools import PoolEndpoint
from modelyard.envoy.settings import Processor
from modelyard.fleet.fleet import BackendKey
from modelyard.resources.resource_set import ResourceSet


def processor(
    option: str, text: str, *, ca: Path | None, unchecked_tls: bool, health_port: int, pings: bool
) -> Processor:
    """An ext_proc server and those that stand in for it; ends with a clear error for anything else than HOST:PORT."""
    return Processor(
        addresses=tuple(_host_and_port(option, part.strip()) for part in text.split(",")),
        health_port=health_port,
        ca_file=str(ca.absolute()) if ca is not None else "",
        unchecked_tls=unchecked_tls,
        answers_pings=pings,
    )


def endpoint_table(given: Sequence[str], resources: ResourceSet) -> dict[BackendKey, tuple[PoolEndpoint, ...]]:
    """``[NAMESPACE/]POOL=HOST:PORT,…``, for pools of the manifests."""
    found: dict[BackendKey, tuple[PoolEndpoint, ...]] = {}
    for text in given:
        name, equals, addresses = text.partition("=")
        namespace, slash, pool = name.rpartition("/")
        key = (namespace if slash else "default", pool)
        if not equals or not addresses:
            fail(f"--endpoint {text!r}: write [NAMESPACE/]POOL=HOST:PORT,HOST:PORT.", ExitCode.USAGE)
        if key not in resources.inference_pools:
            there = ", ".join(sorted("/".join(one) for one in resources.inference_pools)) or "none"
            fail(f"--endpoint {text!r}: there is no InferencePool {'/'.join(key)}; there is {there}.", ExitCode.USAGE)
        pairs = [_host_and_port("--endpoint", address) for address in addresses.split(",")]
        found[BackendKey(kind="InferencePool", namespace=key[0], name=key[1])] = tuple(
            PoolEndpoint(f"{host}:{port}") for host, port in pairs
        )
    return found


def _host_and_port(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        fail(f"{option} {text!r}: write HOST:PORT.", ExitCode.USAGE)
    return host, int(port)
