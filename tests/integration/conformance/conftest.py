"""One gateway for all cases: each case replaces the manifests of the one before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from running_gateway import RunningGateway

from conformance.cases import BASE_MANIFESTS, CASES


@pytest.fixture(scope="session")
def conformance_gateway(tmp_path_factory: pytest.TempPathFactory, own_address: str) -> Iterator[RunningGateway]:
    """Serves the base manifests of the cases."""
    ports = {80} | {exchange.request.port for case in CASES.values() for exchange in case.exchanges}
    running = RunningGateway(tmp_path_factory.mktemp("yard"), bind=own_address, ports=sorted(ports))
    try:
        running.start({"base.yaml": BASE_MANIFESTS})
        yield running
    finally:
        running.stop()
