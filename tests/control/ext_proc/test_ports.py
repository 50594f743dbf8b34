from __future__ import annotations

import pytest

from modelyard.control.ext_proc.ports import PortTaken, free_ports, require_free
from modelyard.worker.listening_socket import listening_socket


def test_a_port_that_is_shared_is_taken() -> None:
    (port,) = free_ports("127.0.0.1", 1)
    require_free({"--grpc-port": ("127.0.0.1", port)})
    with listening_socket("127.0.0.1", port, reuse_port=True) as taken:
        taken.listen()
        with pytest.raises(PortTaken) as caught:
            require_free({"--grpc-port": ("127.0.0.1", port)})
    assert (caught.value.place, caught.value.flag) == (("127.0.0.1", port), "--grpc-port")


def test_free_ports_are_distinct() -> None:
    assert len(set(free_ports("127.0.0.1", 5))) == 5


def test_an_address_of_another_machine() -> None:
    with pytest.raises(PortTaken) as caught:
        free_ports("192.0.2.1", 1)
    assert (caught.value.place, caught.value.flag) == (("192.0.2.1", 0), "--bind")
