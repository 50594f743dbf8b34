"""Connections that end before a first call, since their clients speak something else than the port: counted by reason,
and told once a minute, with what to do. Without it, a gateway that speaks plain text to a TLS port fails unseen."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable

from modelyard.extproc.seldom_told import SeldomTold

NO_TLS, TLS, CERTIFICATE_REFUSED = "no_tls", "tls", "certificate_refused"
TLS_VERSION, HANDSHAKE, NO_HTTP_2 = "tls_version", "handshake", "no_http2"

_CLIENT_HELLO = b"\x16"
"""First byte of TLS (RFC 8446, section 5.1: a record of type handshake)."""
_REASONS = {
    **dict.fromkeys(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "RECORD_LAYER_FAILURE"), NO_TLS),
    **dict.fromkeys(
        (
            "TLSV1_ALERT_UNKNOWN_CA",
            "SSLV3_ALERT_BAD_CERTIFICATE",
            "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
            "SSLV3_ALERT_CERTIFICATE_EXPIRED",
            "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
            "TLSV1_ALERT_ACCESS_DENIED",
        ),
        CERTIFICATE_REFUSED,
    ),
    **dict.fromkeys(
        ("UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_SHARED_CIPHER"), TLS_VERSION
    ),
}
"""By the name that OpenSSL has for the fault."""
_WORDS = {
    NO_TLS: "do not speak TLS: start with --no-secure-serving, or let the gateway use TLS "
    "(modelyard envoy-config --unchecked-tls)",
    TLS: "speak TLS, and the port is plain text: start with --secure-serving, or let the gateway use no TLS",
    CERTIFICATE_REFUSED: "end since their client does not trust the certificate: give one that it trusts "
    "(--cert-path DIR), or let the gateway not verify it",
    TLS_VERSION: "speak no version or cipher of TLS that is served: see --tls-min-version",
    HANDSHAKE: "fail at the TLS handshake",
    NO_HTTP_2: "do not speak HTTP/2: gRPC needs it, from the first byte on",
}
_HEALTH_WORDS = {TLS: "speak TLS, and health checks are plain text: let the probe use no TLS"}


class FailedConnections:
    """Those of one worker."""

    def __init__(self, told: SeldomTold) -> None:
        self._told = told
        self._counts: Counter[str] = Counter()

    def drain(self) -> dict[str, int]:
        """By reason, since the last drain."""
        counts, self._counts = self._counts, Counter()
        return dict(counts)

    def count(self, place: str, reason: str, detail: str = "", *, health: bool = False) -> None:
        """``place``: ``host:port``."""
        self._counts[reason] += 1
        words = _HEALTH_WORDS.get(reason, _WORDS[reason]) if health else _WORDS[reason]
        self._told.tell(f"connections on {place} {words}{f' ({detail})' if detail else ''}")


class PortFaults:
    """What goes wrong on one port."""

    def __init__(self, failed: FailedConnections, place: str, *, health: bool = False) -> None:
        """``health``: it answers health checks only."""
        self._failed, self._place, self._health = failed, place, health

    def no_http2(self, beginning: bytes) -> None:
        """A connection's first bytes are no HTTP/2."""
        reason = TLS if beginning.startswith(_CLIENT_HELLO) else NO_HTTP_2
        self._failed.count(self._place, reason, health=self._health)

    def no_handshake(self, error: ssl.SSLError) -> None:
        """A TLS handshake failed, and not by its client's leaving."""
        name = error.reason or ""
        reason = _REASONS.get(name, HANDSHAKE)
        detail = name.lower().replace("_", " ") if reason == HANDSHAKE else ""
        self._failed.count(self._place, reason, detail, health=self._health)


def reporting(failed: Callable[[ssl.SSLError], None]) -> type[ssl.SSLObject]:
    """For ``SSLContext.sslobject_class``: asyncio tells nobody of a handshake that failed."""

    class ReportingSSLObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                raise
            except ssl.SSLError as error:
                failed(error)
                raise

    return ReportingSSLObject
