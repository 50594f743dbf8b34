"""What tests against a running gateway share. Makes ``conformance`` (the cases as data), ``running_gateway``,
``socket_gateway``, ``echo_backends`` and ``plain_client`` importable."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

for _folder in (Path(__file__).parent, Path(__file__).parent.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from echo_backends import EchoBackends  # noqa: E402 - from the folder added above


@pytest.fixture(scope="session")
def own_address() -> str:
    """A loopback address that no other process of this test run uses; the rest of its /24 is free too."""
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
    """Echo backends that tests start by name."""
    running = EchoBackends()
    yield running
    running.close()
