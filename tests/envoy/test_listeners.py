"""What listeners ask of clients' sockets."""

from __future__ import annotations

from envoy_edges import BACKENDS, GATEWAY, edge_from, route

RULES = "[{backendRefs: [{name: web, port: 80}]}]"


def test_socket_options_of_linux_are_set_there_alone() -> None:
    """The pairs of level and name, which mean other options on other systems."""
    [linux] = edge_from(GATEWAY + BACKENDS + route(RULES)).listeners
    assert {(one["level"], one["name"]) for one in linux["socket_options"]} == {(1, 9), (6, 4), (6, 5), (6, 6), (6, 18)}
    [other] = edge_from(GATEWAY + BACKENDS + route(RULES), linux_sockets=False).listeners
    assert {**other, "socket_options": linux["socket_options"]} == linux
    assert "socket_options" not in other
