"""Every conformance case, against a running gateway."""

from __future__ import annotations

import pytest
from echo_backends import EchoBackends
from running_gateway import RunningGateway
from socket_gateway import SocketGateway

from conformance.cases import CASES

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def sockets(conformance_gateway: RunningGateway, backends: EchoBackends, pem: tuple[str, str]) -> SocketGateway:
    return SocketGateway(conformance_gateway, backends, conformance_gateway.bind, pem)


@pytest.mark.parametrize("name", CASES)
def test_case(name: str, sockets: SocketGateway) -> None:
    sockets.check(CASES[name])
