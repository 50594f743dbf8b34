"""TLS of listening sockets: which certificate a client gets, by the host name that it asks for (SNI).

A socket keeps one base context for its whole life; its handshakes look into a table that is replaced when certificates
change, so neither sockets nor connections notice.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from modelyard.routing import hostnames
from modelyard.routing.listeners import Certificate, Listener
from modelyard.worker.protocol import BindingFault, TlsVersion

SERVER_NAME = "modelyard_server_name"
"""Attribute of a connection's SSL object that holds the name the client asked for."""

_VERSIONS: Mapping[TlsVersion, ssl.TLSVersion] = {
    "TLSv1.2": ssl.TLSVersion.TLSv1_2,
    "TLSv1.3": ssl.TLSVersion.TLSv1_3,
}
HTTP_1 = ("http/1.1",)
HTTP_2 = ("h2",)
"""Protocols offered in the handshake (ALPN)."""


class CertificateTable:
    """The contexts of a socket by host name pattern."""

    __slots__ = ("_by_pattern", "_default", "_protocols", "base")

    def __init__(self, protocols: Sequence[str] = HTTP_1) -> None:
        self._protocols = protocols
        self._by_pattern: Mapping[str, ssl.SSLContext] = {}
        self._default: ssl.SSLContext | None = None
        self.base = _new_context(protocols)
        """The context that a socket is opened with."""
        self.base.sni_callback = self._on_server_name

    def replace(self, listeners: Iterable[Listener]) -> list[BindingFault]:
        """Serve the certificates of ``listeners`` from now on; those that could not be used."""
        by_pattern: dict[str, ssl.SSLContext] = {}
        faults: list[BindingFault] = []
        for listener in listeners:
            try:
                by_pattern.setdefault(listener.hostname, context_of(listener.certificates, self._protocols))
            except (ssl.SSLError, OSError, ValueError) as error:
                faults.append(
                    BindingFault(
                        group=listener.group,
                        listener=listener.name,
                        reason="InvalidCertificateRef",
                        message=f"the certificate cannot be used: {error}",
                    )
                )
        self._by_pattern = by_pattern
        self._default = by_pattern.get("") or next(iter(by_pattern.values()), None)
        return faults

    def serve(self, certificate: Certificate) -> None:
        """Serve one certificate, whatever host name a client asks for. Raises ``ssl.SSLError`` or ``ValueError`` where
        it cannot be used; the last one then stays."""
        self._default = context_of((certificate,), self._protocols)
        self._by_pattern = {"": self._default}

    def require(self, version: TlsVersion) -> None:
        """Refuse handshakes of connections to come that speak less."""
        self.base.minimum_version = _VERSIONS[version]

    def choose(self, server_name: str) -> ssl.SSLContext | None:
        """The context for a host name; empty: the client named none. None: no listener has this host."""
        if not server_name:
            return self._default
        found = (self._by_pattern.get(pattern) for pattern in hostnames.candidates(server_name))
        return next((context for context in found if context is not None), None)

    def _on_server_name(self, handshake: Any, name: str | None, base: ssl.SSLContext) -> int | None:
        server_name = (name or "").lower().rstrip(".")
        context = self.choose(server_name)
        if context is None:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        setattr(handshake, SERVER_NAME, server_name)
        handshake.context = context
        return None


def context_of(certificates: Iterable[Certificate], protocols: Sequence[str] = HTTP_1) -> ssl.SSLContext:
    """A server context with all of a listener's key pairs (one per key type is used).

    Raises ``ssl.SSLError`` or ``ValueError`` where a pair does not fit together or there is none.
    """
    context = _new_context(protocols)
    count = 0
    for certificate in certificates:
        with _as_file(certificate.cert_pem + b"\n" + certificate.key_pem) as path:
            context.load_cert_chain(path)
        count += 1
    if not count:
        raise ValueError("it has no certificate")
    return context


def _new_context(protocols: Sequence[str]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    return context


@contextmanager
def _as_file(secret: bytes) -> Iterator[str]:
    """A path to read ``secret`` from, as OpenSSL wants; in memory where the system can, else removed at once."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(secret)
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile() as file:  # mode 0600
        file.write(secret)
        file.flush()
        yield file.name
