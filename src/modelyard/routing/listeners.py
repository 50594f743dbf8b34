"""What has to be bound: one socket per Gateway and port (a listener group) and its listeners."""

from __future__ import annotations

from typing import Literal

import msgspec


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A TLS key pair out of a Secret of type ``kubernetes.io/tls``."""

    secret: str
    """``namespace/name`` of the Secret."""
    cert_pem: bytes
    key_pem: bytes


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """One usable listener of a Gateway: accepted, not in conflict, its references resolved."""

    namespace: str
    """Of the Gateway."""
    gateway: str
    name: str
    """``listeners[].name``."""
    port: int
    """Port in the Gateway; where it is bound on this machine is the caller's choice."""
    protocol: Literal["HTTP", "HTTPS"]
    hostname: str = ""
    """Lower case; ``*.example.com`` for a wildcard; empty: every host."""
    addresses: tuple[str, ...] = ()
    """IP addresses that the Gateway asks for; empty: the caller's choice."""
    certificates: tuple[Certificate, ...] = ()
    """HTTPS only; the handshake offers the listener whose hostname matches the SNI most specifically."""

    @property
    def group(self) -> str:
        return group_id(self.namespace, self.gateway, self.port)

    @property
    def id(self) -> str:
        return f"{self.namespace}/{self.gateway}/{self.name}"


def group_id(namespace: str, gateway: str, port: int) -> str:
    """Names a listener group: the listeners of one Gateway on one port, which share a socket."""
    return f"{namespace}/{gateway}:{port}"
