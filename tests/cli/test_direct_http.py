from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import socket, threading
from modelyard.cli.direct_http import open_directly

server = socket.create_server(("127.0.0.1", 0))

def answer():
    connection, _ = server.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    connection.close()

threading.Thread(target=answer, daemon=True).start()
with open_directly(f"http://127.0.0.1:{server.getsockname()[1]}/", 10) as found:
    assert found.read() == b"ok"
"""


def test_a_proxy_of_the_environment_is_not_asked() -> None:
    proxies = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=proxies, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
