"""Several workers of one picker behind several threads of a real Envoy: each gets its share, and nobody notices how."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_client import Load, send
from edge_manifests import DIRECT
from envoy_setup import setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

WORKERS = 3
_OPEN = re.compile(r'^modelyard_open_exchanges\{worker="\d+"\} (\d+)$', re.MULTILINE)


def open_requests(host: str) -> list[int]:
    """Of each worker."""
    with urllib.request.urlopen(f"http://{host}:9090/metrics", timeout=30) as answer:
        return [int(number) for number in _OPEN.findall(answer.read().decode())]


def every_worker_has_some(host: str) -> bool:
    found = open_requests(host)
    return len(found) == WORKERS and all(found)


@pytest.mark.timeout(180)
def test_connections_move_until_every_worker_has_its_share(tmp_path: Path, own_blocks: Callable[[], str]) -> None:
    """The kernel alone leaves one of three without any in seven of nine starts. No request fails meanwhile. A
    connection that a worker lets go comes anew to any of them, so that may take several looks, of two seconds each."""
    with setup(tmp_path, own_blocks()) as made:
        backends = MeasuringBackends(made.backend_hosts)
        try:
            made.picker("--workers", str(WORKERS))
            made.envoy(threads=WORKERS)
            address = (made.edge, DIRECT)
            until(lambda: send(address, "closed.test").status == 200, "the picker does not pick")
            load = Load(address, "closed.test", clients=8 * WORKERS, headers={"x-stream": "1"})
            until(lambda: every_worker_has_some(made.picker_host), "a worker gets nothing", seconds=110)
            load.wait_for(8 * WORKERS)
            assert set(load.end()) == {200}
            assert all(answer.body.endswith(b"data: [DONE]\n\n") for answer in load.answers)
        finally:
            backends.close()
