"""What tests against a running gateway share. Makes ``conformance`` (the cases as data), ``running_gateway``,
``socket_gateway``, ``echo_backends`` and ``plain_client`` importable."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

for _folder in (Path(__file__).parent, Path(__file__).parent.parent):
    if str(_folder) not in sys.path:
        sys.path.insert(0, str(_folder))

from echo_backends import EchoBackends  # noqa: E402 - from the folder added above

BLOCKS = 64 * 256
"""Of a /24 each, from 127.64.0 on."""
MARK_PORT = 48999


@pytest.fixture(scope="session")
def own_blocks() -> Iterator[Callable[[], str]]:
    """Takes another /24 of loopback addresses, as its first three numbers, that no other test of this machine uses."""
    with contextlib.ExitStack() as taken:
        yield functools.partial(_take_block, taken)


def _take_block(taken: contextlib.ExitStack) -> str:
    """A socket that is held at its last address says that a block is in use."""
    for number in range(os.getpid(), os.getpid() + BLOCKS):
        block = f"127.{64 + number // 256 % 64}.{number % 256}"
        mark = taken.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        try:
            mark.bind((f"{block}.254", MARK_PORT))
        except OSError:
            mark.close()
        else:
            return block
    raise AssertionError("no block of loopback addresses is free")


@pytest.fixture(scope="session")
def own_address(own_blocks: Callable[[], str]) -> str:
    """A loopback address that no other test uses; the rest of its /24 is free too."""
    return f"{own_blocks()}.1"


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
