from __future__ import annotations

import pytest

from modelyard.worker.listening_socket import listening_socket


def test_workers_share_a_port_only_where_all_say_so() -> None:
    first = listening_socket("127.0.0.1", 0, reuse_port=True)
    first.listen()
    port = first.getsockname()[1]
    listening_socket("127.0.0.1", port, reuse_port=True).close()
    with pytest.raises(OSError, match="in use"):
        listening_socket("127.0.0.1", port, reuse_port=False)
    first.close()


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(OSError, match="assign"):
        listening_socket("192.0.2.1", 0, reuse_port=False)
