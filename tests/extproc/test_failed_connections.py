from __future__ import annotations

import ssl

import pytest

from modelyard.control.ext_proc.certificate_files import self_signed
from modelyard.extproc.failed_connections import FailedConnections, PortFaults, reporting
from modelyard.extproc.seldom_told import SeldomTold
from modelyard.routing.listeners import Certificate
from modelyard.worker.certificates import HTTP_2, CertificateTable

PLACE = "127.0.0.1:9002"
PAIR = self_signed()


def handshake_with(client: bytes | ssl.SSLContext, faults: PortFaults) -> None:
    """A server's handshake with a client that sends these bytes, or speaks TLS as its context says."""
    table = CertificateTable(HTTP_2)
    table.serve(Certificate(secret="", cert_pem=PAIR.cert_pem, key_pem=PAIR.key_pem))
    table.base.sslobject_class = reporting(faults.no_handshake)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = table.base.wrap_bio(to_server, to_client, server_side=True)
    sides = [server]
    if isinstance(client, bytes):
        to_server.write(client)
    else:
        sides.append(client.wrap_bio(to_client, to_server, server_hostname="localhost"))
    for side in sides * 4:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError:
            if side is server:
                return


@pytest.mark.parametrize(
    ("client", "reason", "told"),
    [
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "no_tls", "do not speak TLS: start with --no-secure-serving, or let"),
        (b"GET / HTTP/1.1\r\n\r\n", "no_tls", "do not speak TLS"),
        (ssl.create_default_context(), "certificate_refused", "does not trust the certificate"),
    ],
)
def test_a_handshake_that_fails_is_counted_and_told(
    client: bytes | ssl.SSLContext, reason: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    failed = FailedConnections(SeldomTold(lambda: 1.0))
    for _ in range(2):
        handshake_with(client, PortFaults(failed, PLACE))
    assert failed.drain() == {reason: 2}
    assert failed.drain() == {}
    (message,) = caplog.messages
    assert message.startswith(f"connections on {PLACE} ")
    assert told in message


@pytest.mark.parametrize(
    ("beginning", "health", "reason", "told"),
    [
        (b"\x16\x03\x01", False, "tls", "speak TLS, and the port is plain text: start with --secure-serving"),
        (b"\x16\x03\x01", True, "tls", "health checks are plain text"),
        (b"GET / HTTP/1.1", False, "no_http2", "do not speak HTTP/2"),
    ],
)
def test_first_bytes_that_are_no_http2(
    beginning: bytes, health: bool, reason: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    failed = FailedConnections(SeldomTold(lambda: 1.0))
    PortFaults(failed, PLACE, health=health).no_http2(beginning)
    assert failed.drain() == {reason: 1}
    assert told in caplog.text


def test_other_faults_of_a_handshake_are_named(caplog: pytest.LogCaptureFixture) -> None:
    failed = FailedConnections(SeldomTold(lambda: 1.0))
    error = ssl.SSLError("x")
    error.reason = "DECRYPTION_FAILED"
    PortFaults(failed, PLACE).no_handshake(error)
    assert failed.drain() == {"handshake": 1}
    assert "fail at the TLS handshake (decryption failed)" in caplog.text
