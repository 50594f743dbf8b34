"""What routing costs per request, by number of routes: ``python benchmarks/routing_table.py``.

Prints microseconds per ``candidates`` + ``select``, best of several rounds, and the seconds to compile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from modelyard.resources.core import Service, ServicePort, ServiceSpec
from modelyard.resources.gateway import Gateway, GatewaySpec, Listener
from modelyard.resources.http_route import (
    HTTPBackendRef,
    HTTPHeaderMatch,
    HTTPPathMatch,
    HTTPRoute,
    HTTPRouteMatch,
    HTTPRouteRule,
    HTTPRouteSpec,
)
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.references import ParentReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.compile import compile_routes

_API = "gateway.networking.k8s.io/v1"
_GROUP = "default/edge:80"
_ROUNDS = 5
_CALLS = 20_000

Shape = Callable[[int], tuple[tuple[str, ...], HTTPRouteMatch]]
"""Hostnames and match of the n-th route."""


def by_model(number: int) -> tuple[tuple[str, ...], HTTPRouteMatch]:
    return (), HTTPRouteMatch(headers=(HTTPHeaderMatch(name="X-Gateway-Model-Name", value=f"model-{number}"),))


def by_path(number: int) -> tuple[tuple[str, ...], HTTPRouteMatch]:
    return (), HTTPRouteMatch(path=HTTPPathMatch(value=f"/team-{number}/v1"))


def by_host(number: int) -> tuple[tuple[str, ...], HTTPRouteMatch]:
    return (f"team-{number}.example.com",), HTTPRouteMatch()


def resources(shape: Shape, count: int) -> ResourceSet:
    """``count`` routes of one shape on one Gateway."""
    gateway = Gateway(
        api_version=_API,
        kind="Gateway",
        metadata=ObjectMeta(name="edge"),
        spec=GatewaySpec(gateway_class_name="modelyard", listeners=(Listener(name="http", port=80, protocol="HTTP"),)),
    )
    service = Service(
        api_version="v1",
        kind="Service",
        metadata=ObjectMeta(name="web"),
        spec=ServiceSpec(ports=(ServicePort(port=8000),)),
    )
    return ResourceSet.of([gateway, service, *(_route(shape, number) for number in range(count))])[0]


def _route(shape: Shape, number: int) -> HTTPRoute:
    hostnames, match = shape(number)
    return HTTPRoute(
        api_version=_API,
        kind="HTTPRoute",
        metadata=ObjectMeta(name=f"route-{number}"),
        spec=HTTPRouteSpec(
            parent_refs=(ParentReference(name="edge"),),
            hostnames=hostnames,
            rules=(HTTPRouteRule(matches=(match,), backend_refs=(HTTPBackendRef(name="web", port=8000),)),),
        ),
    )


def measure(shape: Shape, count: int) -> tuple[float, float]:
    """(seconds to compile, microseconds per request) for a request to the route in the middle."""
    written = resources(shape, count)
    started = time.perf_counter()
    table = compile_routes(written).table
    compiled = time.perf_counter() - started
    middle = count // 2
    host = f"team-{middle}.example.com"
    path = f"/team-{middle}/v1/chat/completions"
    headers = {"host": host, "content-type": "application/json", "x-gateway-model-name": f"model-{middle}"}

    def once() -> None:
        candidates = table.candidates(_GROUP, host, path)
        assert candidates is not None
        assert candidates.select("POST", headers, "") is not None

    return compiled, min(_timed(once) for _ in range(_ROUNDS))


def _timed(once: Callable[[], None]) -> float:
    started = time.process_time()
    for _ in range(_CALLS):
        once()
    return (time.process_time() - started) / _CALLS * 1e6


def main() -> None:
    print(f"{'routes':>7}  {'differ by':<9}  {'compile s':>9}  {'µs/request':>10}")
    for shape in (by_model, by_path, by_host):
        for count in (10, 1_000, 10_000):
            compiled, each = measure(shape, count)
            print(f"{count:>7}  {shape.__name__[3:]:<9}  {compiled:>9.3f}  {each:>10.2f}")


if __name__ == "__main__":
    main()
