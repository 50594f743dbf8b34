from __future__ import annotations

import errno
import socket

import pytest

from modelyard.control.addresses import Binding
from modelyard.control.free_addresses import AddressUnusable, require_free


def _binding(host: str, port: int) -> Binding:
    return Binding("default/edge:80", ("default", "edge"), 80, host, port, False)


def test_a_free_address_is_left_free() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    require_free([_binding("127.0.0.1", port)])
    require_free([_binding("127.0.0.1", port)])


def test_a_taken_address_is_named_even_where_it_could_be_shared() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        binding = _binding("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(AddressUnusable) as problem:
            require_free([binding])
    assert problem.value.errno == errno.EADDRINUSE
    assert problem.value.binding is binding
