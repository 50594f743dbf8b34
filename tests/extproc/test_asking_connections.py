"""Which connections are counted, and which are let go."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.extproc.asking_connections import AskingConnections


@dataclass(eq=False)
class Client:
    open_calls: int = 0
    draining: bool = False

    def drain(self) -> None:
        self.draining = True


def test_those_that_asked_since_the_last_count() -> None:
    asking, busy, idle = AskingConnections(), Client(), Client()
    for connection in (busy, idle, busy):
        asking.ask(connection)
    assert asking.count(1.0) == 2
    asking.ask(busy)
    assert asking.count(2.0) == 1
    assert asking.count(3.0) == 0


def test_a_count_in_between_ends_no_second() -> None:
    asking, busy, idle = AskingConnections(), Client(), Client()
    for connection in (busy, idle):
        asking.ask(connection)
    assert [asking.count(now) for now in (1.0, 1.01, 1.5)] == [2, 2, 2]
    asking.ask(busy)
    assert [asking.count(now) for now in (1.6, 2.0, 2.1)] == [2, 1, 1]


def test_where_least_is_open_goes_first_and_one_stays() -> None:
    asking = AskingConnections()
    clients = [Client(open_calls) for open_calls in (5, 0, 3)]
    for client in clients:
        asking.ask(client)
    asking.count(0.0)
    asking.let_go(1)
    assert [client.draining for client in clients] == [False, True, False]
    for client in clients:
        asking.ask(client)
    assert asking.count(1.0) == 2
    asking.let_go(9)
    assert [client.draining for client in clients] == [False, True, True]


def test_nothing_goes_twice_for_one_count() -> None:
    asking, clients = AskingConnections(), [Client(), Client(), Client()]
    for client in clients:
        asking.ask(client)
    asking.count(0.0)
    asking.let_go(1)
    asking.let_go(1)
    assert sum(client.draining for client in clients) == 1
