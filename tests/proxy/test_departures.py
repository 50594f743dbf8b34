from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from modelyard.proxy.departures import Departures, has_left


class Connection:
    """As much of a transport, and of a connection, as is looked at."""

    def __init__(self, sock: socket.socket) -> None:
        self.transport = self
        self.sock = sock
        self.aborted = 0

    def get_extra_info(self, name: str) -> socket.socket:
        assert name == "socket"
        return self.sock

    def abort(self) -> None:
        self.aborted += 1


@pytest.fixture
def pair() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Connection(ours), theirs


def test_a_peer_that_left_is_noticed_behind_what_it_sent(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    theirs.send(b"unread")
    assert not has_left(connection.transport)
    theirs.close()
    assert has_left(connection.transport)


def test_only_connections_under_watch_are_ended_and_once(pair: tuple[Connection, socket.socket]) -> None:
    connection, theirs = pair
    departures = Departures()
    departures.watch(connection)
    departures.look(0.0)
    assert connection.aborted == 0
    theirs.close()
    departures.forget(connection)
    departures.look(1.0)
    assert connection.aborted == 0
    departures.watch(connection)
    departures.look(2.0)
    departures.look(3.0)
    assert connection.aborted == 1


def test_a_closed_socket_is_left_alone(pair: tuple[Connection, socket.socket]) -> None:
    connection, _ = pair
    connection.sock.close()
    assert not has_left(connection.transport)
