"""Bodies of 20 MB through Envoy, the real router and the real picker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from edge_client import send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

SMALL = b'{"model": "closed"}'
LARGE = b'{"model": "closed", "prompt": "' + b"a" * 20_000_000 + b'"}'


def test_they_pass_unchanged(tmp_path: Path, own_blocks: Callable[[], str]) -> None:
    with setup(tmp_path, own_blocks()) as made:
        backends = MeasuringBackends(made.backend_hosts)
        try:
            made.router()
            made.picker()
            made.envoy()
            for port, host in ((DIRECT, "closed.test"), (BY_MODEL, "any.test")):
                address = (made.edge, port)
                until(lambda of=(address, host): send(*of, body=SMALL).status == 200, "router or picker is missing")
                assert send(address, host, body=LARGE).unchanged
        finally:
            backends.close()
