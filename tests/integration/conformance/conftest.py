"""One gateway for all cases: each case replaces the manifests of the one before."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import trustme
from echo_backends import EchoBackends
from running_gateway import RunningGateway

from conformance.cases import BASE_MANIFESTS, CASES


def own_address() -> str:
    """A loopback address that no other process of this test run uses."""
    pid = os.getpid()
    return f"127.{64 + pid // 256 % 64}.{pid % 256}.1"


@pytest.fixture(scope="session")
def pem() -> tuple[str, str]:
    """A certificate chain and its key that TLS libraries take."""
    issued = trustme.CA().issue_cert("*.test", "example.com")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return chain.decode(), issued.private_key_pem.bytes().decode()


@pytest.fixture(scope="session")
def backends() -> Iterator[EchoBackends]:
    running = EchoBackends()
    yield running
    running.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """Serves the base manifests of the cases."""
    ports = {80} | {exchange.request.port for case in CASES.values() for exchange in case.exchanges}
    running = RunningGateway(tmp_path_factory.mktemp("yard"), bind=own_address(), ports=sorted(ports))
    try:
        running.start({"base.yaml": BASE_MANIFESTS})
        yield running
    finally:
        running.stop()
