"""The conformance cases of the gateway with Envoy in front: the same manifests, the same answers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from echo_backends import EchoBackends
from running_gateway import RunningGateway
from socket_gateway import SocketGateway

from conformance.cases import BASE_MANIFESTS, CASES

pytestmark = [pytest.mark.integration, pytest.mark.envoy]


DIFFERENT = {
    "cors/preflight and response for listed origins": "Envoy answers a preflight with 200, not 204",
    "cors/wildcards with and without credentials": "Envoy answers a preflight with 200, not 204",
    "hostnames/route hostnames, exact and wildcard": "Envoy passes a Host on without its trailing dot",
    "matches/query parameters are decoded, with case, the first one counts": "Envoy compares query parameters as sent",
    "paths/prefix goes by whole elements": "Envoy is told to merge slashes, also in what it passes on",
}
"""Cases that Envoy answers otherwise, and how; ``docs/envoy.md`` lists them."""


@pytest.fixture(scope="module")
def sockets(
    tmp_path_factory: pytest.TempPathFactory, own_address: str, backends: EchoBackends, pem: tuple[str, str]
) -> Iterator[SocketGateway]:
    host = own_address.rpartition(".")[0] + ".77"
    ports = {80} | {exchange.request.port for case in CASES.values() for exchange in case.exchanges}
    more = ("--edge", "envoy", "--drain", "1", "--silence", "30")
    running = RunningGateway(tmp_path_factory.mktemp("yard"), bind=host, ports=sorted(ports), more=more)
    try:
        running.start({"base.yaml": BASE_MANIFESTS})
        yield SocketGateway(running, backends, host, pem)
    finally:
        running.stop()


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, sockets: SocketGateway, request: pytest.FixtureRequest) -> None:
    if name in DIFFERENT:
        request.applymarker(pytest.mark.xfail(reason=DIFFERENT[name], strict=True, raises=AssertionError))
    sockets.check(CASES[name])
