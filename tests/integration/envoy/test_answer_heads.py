"""``--no-answer-heads``: the picker hears of no answer's head, and of its end all the same."""

from __future__ import annotations

import http.client
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from edge_client import BODY, PATH, send
from edge_manifests import DIRECT
from envoy_setup import setup, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

_OPEN = re.compile(r"^modelyard_open_exchanges\{.*\} (\d+)$", re.MULTILINE)
_CODES = re.compile(r'^modelyard_requests_total\{.*code="(\d*)".*\} [1-9]', re.MULTILINE)


def metrics(host: str) -> str:
    with urllib.request.urlopen(f"http://{host}:9090/metrics", timeout=30) as answer:
        return str(answer.read().decode())


def open_requests(host: str) -> int:
    return sum(map(int, _OPEN.findall(metrics(host))))


@pytest.mark.parametrize("option", ["--answer-heads", "--no-answer-heads"])
def test_a_request_is_open_until_its_answer_ends(tmp_path: Path, own_blocks: Callable[[], str], option: str) -> None:
    with setup(tmp_path, own_blocks()) as made:
        backends = MeasuringBackends(made.backend_hosts)
        try:
            made.picker()
            made.envoy(option)
            until(lambda: send((made.edge, DIRECT), "closed.test").status == 200, "the picker does not pick")
            until(lambda: not open_requests(made.picker_host), "a request is open still")
            connection = http.client.HTTPConnection(made.edge, DIRECT, timeout=30)
            fields = {"host": "closed.test", "content-type": "application/json", "x-stream": "1"}
            connection.request("POST", PATH, BODY, fields)
            answer = connection.getresponse()
            assert answer.readline().startswith(b"data: ")
            assert open_requests(made.picker_host) == 1
            assert answer.read().endswith(b"data: [DONE]\n\n")
            connection.close()
            until(lambda: not open_requests(made.picker_host), "a request is open still")
            told = set(_CODES.findall(metrics(made.picker_host)))
            assert told == ({"200"} if option == "--answer-heads" else {"0"})
        finally:
            backends.close()
