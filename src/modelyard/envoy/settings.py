"""What the configuration depends on beside the manifests."""

from __future__ import annotations

from dataclasses import dataclass

LOOPBACK = "127.0.0.1"
PICKER_PORT = 9002
ROUTER_PORT = 9004


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """Where an ext_proc server listens."""

    addresses: tuple[tuple[str, int], ...]
    """Host and port, and those of others that stand in for it, in this order: each gets requests only while none
    before it is healthy, so that one knows of all."""
    health_port: int = 0
    """Port of its gRPC health service; 0: the same. The reference picker has 9003 for it."""
    ca_file: str = ""
    """File of the certificate authority that its certificate is checked against; empty: in the clear."""
    unchecked_tls: bool = False
    """TLS without a look at the certificate, as for a picker that signs its own; ``ca_file`` wins."""
    server_name: str = ""
    """Name in its certificate; empty: the first host."""
    answers_pings: bool = True
    """HTTP/2 PINGs tell a connection to a hung process from an idle one. Modelyard's servers answer as many as are
    sent; gRPC's own servers close a connection that sends more than one in five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One socket of a listener group."""

    group: str
    """Listener group id (``routing.listeners.group_id``)."""
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSettings:
    """Settings of ``modelyard envoy-config`` and of the Envoy that ``modelyard up --edge envoy`` runs."""

    picker: Processor = Processor(addresses=((LOOPBACK, PICKER_PORT),))
    router: Processor = Processor(addresses=((LOOPBACK, ROUTER_PORT),))
    admin: tuple[str, int] | None = ("127.0.0.1", 9901)
    """Envoy's admin interface. Whoever reaches it can stop Envoy, so it is bound to loopback or left out (None)."""
    admin_socket: str = ""
    """Path of a Unix socket for the admin interface, in place of ``admin``."""
    certificate_folder: str = "certificates"
    """Where the key pairs of HTTPS listeners lie, as files; the configuration names them and holds no key."""
    watched_folder: str = ""
    """Where listeners, routes, clusters and endpoints are read from; empty: they are in the bootstrap itself."""
    access_log: str = "/dev/stdout"
    """File of the access log; empty: none."""
    body_limit: int = 64 * 1024 * 1024
    """Largest request body in bytes; above it 413. The picker and the router read it whole, as the gateway does."""
    max_heap: int = 2 * 1024 * 1024 * 1024
    """Bytes of Envoy's heap near which it cuts the largest streams and refuses requests (503); 0: no bound. The gateway
    itself holds 1 GiB of bodies at most, and Envoy has a body twice while a processor is asked."""
    container_memory: bool = False
    """The same near the memory limit of Envoy's container."""
    silence: float = 0.9
    """Seconds that picker and router together may say nothing before a request goes on without them (or gets its 503).
    Below one second, so that a hung picker delays no request by more than that."""
    longest_wait: float = 3600.0
    """Seconds that the picker may ask for where a request waits in its queue."""
    endpoint_header: bool = False
    """Tell clients which endpoint answered (``x-modelyard-endpoint``). Off: it shows internal addresses."""
    http3: bool = False
    """HTTPS listeners take HTTP/3 as well, on UDP of the same port, and tell clients so."""
    linux_sockets: bool = True
    """Envoy runs on Linux: listeners set options of clients' sockets by Linux's numbers. Off: they keep that system's
    defaults, so that a client that is gone may be noticed late or never."""
    picks_for_services: bool = False
    """The picker knows the endpoints of Services too (it is the yard's own), and is asked where routes lead to them by
    the body's model."""
    sees_answer_heads: bool = True
    """The picker hears of an answer's head: its status, and which endpoint gave it. Off: it only hears that the request
    has ended, which saves a message there and back."""
    sees_answers: bool = False
    """The picker reads every answer's body, to count tokens. Off: only where a pool maps model names, since each piece
    of an answer then costs a message there and back."""
    attempts: int = 3
    """Endpoints tried for one request before its first byte, the first included."""
    connect_timeout: float = 2.0
