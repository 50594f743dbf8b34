from __future__ import annotations

import random
import socket

from modelyard.local.addresses import FIRST_PORT, PORT_COUNT
from modelyard.local.ray.free_ports import free_ports


def test_ports_are_different_and_free():
    found = free_ports(5, random.Random(1))
    assert len(set(found)) == 5
    assert all(FIRST_PORT <= port < FIRST_PORT + PORT_COUNT for port in found)


def test_a_port_in_use_is_not_given():
    first = free_ports(1, random.Random(7))[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        assert free_ports(1, random.Random(7)) != [first]
