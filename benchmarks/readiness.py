"""Waiting until a peer answers."""

from __future__ import annotations

import http.client

from benchmarks import processes
from benchmarks.cases import BY_NAME
from benchmarks.peers.peer import Peer

_ANSWERS_IN_A_ROW = 20
"""A peer that answers this often has found its endpoints."""


def await_answers(peer: Peer) -> None:
    """Return when the peer answers well. Raises RuntimeError with its log where it ends or stays silent."""
    try:
        for _ in processes.poll(peer.start_limit, 0.1):
            if peer.process is not None and peer.process.poll() is not None:
                raise RuntimeError(f"{peer.name} ended with code {peer.process.returncode}: {peer.failure()}")
            if all(_answers(peer.target) for _ in range(_ANSWERS_IN_A_ROW)):
                return
    except TimeoutError:
        raise RuntimeError(f"{peer.name} does not answer: {peer.failure()}") from None


def _answers(target: str) -> bool:
    connection = http.client.HTTPConnection(target, timeout=5)
    try:
        headers = {"content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", BY_NAME["small"].body, headers)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
