"""Messages between the control process and a data-plane worker: msgpack, each behind its length, on a Unix
socket.

The worker connects, says :class:`Hello`, and gets :class:`Configure` and the whole fleet as its first
:class:`FleetUpdate`; then changes as they come. It reports :class:`Stats` once a second and when it is asked
to, failures as they happen. A worker whose control process is gone serves on with what it has and looks for the
next one.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal

import msgspec

MAX_MESSAGE = 256 * 1024 * 1024
"""Bytes; a larger length means that the two ends are out of step."""

_LENGTH = 4


class Message(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Any message; the tag is the class name."""


# ── worker -> control ──


class Hello(Message, frozen=True, kw_only=True):
    """First message of a worker."""

    worker: int
    """Its number, from 0."""
    pid: int
    version: str = ""
    """Of Modelyard: a control process takes over workers of its own version only."""
    shares_ports: bool = False
    """Other workers bind the same ports."""


class BindingFault(msgspec.Struct, frozen=True, kw_only=True):
    """A socket that could not be bound, or a certificate that TLS refuses."""

    group: str
    """Listener group id."""
    listener: str = ""
    """``listeners[].name``; empty: every listener of the group."""
    reason: Literal["PortUnavailable", "InvalidCertificateRef"]
    """Reason of the listener's condition."""
    message: str


class Configured(Message, frozen=True, kw_only=True):
    """A :class:`Configure` is in force and its sockets are bound, but for ``faults``."""

    generation: int
    faults: tuple[BindingFault, ...] = ()


class QueueGauge(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Requests that wait in one worker for admission to one pool, and are alike."""

    priority: int
    fairness_id: str
    model: str
    target_model: str
    requests: int
    size: int
    """Bytes of their bodies."""


class PoolGauges(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a pool stands in one worker."""

    saturation: float = 0.0
    """1 and above: only what must not wait is admitted."""
    queues: tuple[QueueGauge, ...] = ()
    """What waits for admission."""
    prefix_blocks: int = 0
    """Blocks in its prefix index."""


class Stats(Message, frozen=True, kw_only=True):
    """Counts since the last one, and gauges."""

    worker: int
    rows: bytes = b""
    """``list[telemetry.RequestRow]`` as msgpack: opaque here."""
    open_exchanges: int = 0
    open_connections: int = 0
    asking: int = 0
    """Connections on which requests began during the last second. Of ext_proc workers only."""
    in_flight: dict[str, dict[str, int]] = {}
    """Backend label -> address -> open requests."""
    fleet: int = 0
    """Number of the fleet that requests are sent by."""
    waiting_for_loads: dict[str, dict[str, int]] = {}
    """Backend label -> adapter -> requests that wait until it is loaded."""
    server_rows: bytes = b""
    """What this kind of worker counts beside ``rows``, as msgpack: opaque here."""
    pools: dict[str, PoolGauges] = {}
    """By backend label."""
    report: int = 0
    """``Report.id`` of what this answers; 0: it was time."""
    running: dict[str, int] = {}
    """Requests that endpoints are busy with, by the model that was asked for. Of endpoint pickers only."""


class EndpointFailed(Message, frozen=True, kw_only=True):
    """An attempt failed before its first byte (passive health)."""

    address: str
    kind: str
    at: float
    """Monotonic time."""


class ModelMissing(Message, frozen=True, kw_only=True):
    """An endpoint answered 404 for an adapter that it was thought to have."""

    address: str
    model: str
    """Engine-side name."""


class Explained(Message, frozen=True, kw_only=True):
    """Answer to :class:`Explain`."""

    id: int
    answer: dict[str, Any] = {}
    error: str = ""


# ── control -> worker ──


class SocketBinding(msgspec.Struct, frozen=True, kw_only=True):
    """One socket to bind."""

    group: str
    """Listener group id."""
    host: str
    port: int
    tls: bool = False


class GrpcBinding(msgspec.Struct, frozen=True, kw_only=True):
    """One port of an ext_proc worker."""

    host: str
    port: int
    processor: bool = True
    """It takes ext_proc streams; every port answers health checks."""
    tls: bool = False


TlsVersion = Literal["TLSv1.2", "TLSv1.3"]


class GrpcCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """The key pair of an ext_proc worker's TLS ports, PEM."""

    cert_pem: bytes
    key_pem: bytes


class PickerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint picker answers (Endpoint Picker Protocol 1.0). Which pools there are, and whether each fails open
    (``spec.endpointPickerRef.failureMode``), is in the resources."""

    only_pool: str = ""
    """Every request is for this pool, ``namespace/name``; empty: the request's metadata or authority says for which."""
    most_endpoints: int = 3
    """Endpoints named in a pick, the first included, in the order in which they are to be tried. Three, as the gateway
    itself tries."""
    services: bool = False
    """Services that routes lead to are picked for as well, named as ``Service/namespace/name:port``: the proxy in front
    is the yard's own, whose endpoints the worker knows."""
    honours_subset: bool = True
    """Pick within ``x-gateway-destination-endpoint-subset``; False: it is ignored (``--disable-endpoint-subset-filter``
    of the reference implementation)."""
    emits_scores: bool = False
    """Name the score of each candidate beside a pick (``--emit-endpoint-scores`` of the reference implementation):
    every candidate of every request is scored for it."""
    only_model_api: bool = False
    """Paths outside engines' model API get 404, and every path its one spelling. False: the path is what another
    gateway's route begins with, so only paths that control an engine are refused."""


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the body-based router answers. Which field goes to which header, and adapters' base models, are in the
    resources (plugins and ConfigMaps)."""

    base_model_header: bool = True
    """Set ``x-gateway-base-model-name`` from the ConfigMaps."""
    streaming: bool = True
    """Send the body back in pieces where it came as FULL_DUPLEX_STREAMED."""
    models: tuple[str, ...] = ()
    """Names that are labels in metrics; others are ``other``, since clients choose them."""


class ExtProc(msgspec.Struct, frozen=True, kw_only=True):
    """What an ext_proc worker serves, and where. One of ``picker`` and ``router`` is set."""

    bindings: tuple[GrpcBinding, ...] = ()
    certificate: GrpcCertificate | None = None
    """Of the bindings with TLS."""
    tls_minimum: TlsVersion = "TLSv1.2"
    """What clients of these must speak at least."""
    max_message: int = 0
    """Bytes of the longest message that is taken; 0: a body of ``Configure.body_limit`` in one message."""
    picker: PickerSettings | None = None
    router: RouterSettings | None = None


class Configure(Message, frozen=True, kw_only=True):
    """Resources to compile and sockets to bind; replaces what was before, without dropping a connection."""

    generation: int
    resources: bytes
    """``resources.encode_objects``."""
    bindings: tuple[SocketBinding, ...] = ()
    gateway_class: str | None = None
    body_limit: int = 64 * 1024 * 1024
    endpoint_header: bool = False
    adapter_wait: float = 30.0
    """Seconds that a request may wait for an adapter to be loaded."""
    ext_proc: ExtProc | None = None
    """None: the worker is a proxy."""
    access_log: str | None = None
    """File, by its whole path; ``-`` for standard output; empty: none. None: where it was told to at its start."""


class FleetUpdate(Message, frozen=True, kw_only=True):
    """A ``fleet.delta.FleetDelta`` as msgpack."""

    delta: bytes
    number: int = 0
    """Counts up; reported back in :class:`Stats`."""
    whole: bool = False
    """From an empty fleet (first update of a connection)."""
    checked: bool = False
    """Every endpoint was looked at at least once: what is ready is known."""


class Explain(Message, frozen=True, kw_only=True):
    """Ask where a request would go."""

    id: int
    listener: str
    """Listener group id."""
    head: bytes
    """Request head as on the wire, up to and with the empty line."""
    body: bytes = b""


class Drain(Message, frozen=True, kw_only=True):
    """Close the listeners, let open exchanges end within ``seconds``, then exit."""

    seconds: float
    after: float = 0.0
    """Seconds to go on as before, but for health checks: those who send requests need them to learn of the end. Cut
    short when nobody is connected."""


class Report(Message, frozen=True, kw_only=True):
    """Send :class:`Stats` now: whoever asks waits for what this worker goes by."""

    id: int = 0
    """Comes back in :class:`Stats`."""


class LetGo(Message, frozen=True, kw_only=True):
    """Ask the clients of so many connections to connect anew: another worker may get them. Nothing open ends by it."""

    connections: int


FromWorker = Hello | Configured | Stats | EndpointFailed | ModelMissing | Explained
ToWorker = Configure | FleetUpdate | Explain | Report | Drain | LetGo

_encode = msgspec.msgpack.Encoder().encode
_decode_from_worker = msgspec.msgpack.Decoder(FromWorker).decode
_decode_to_worker = msgspec.msgpack.Decoder(ToWorker).decode


def frame(message: Message) -> bytes:
    """The message as it goes on the socket."""
    body = _encode(message)
    return len(body).to_bytes(_LENGTH, "big") + body


async def read_from_worker(reader: asyncio.StreamReader) -> FromWorker | None:
    """The next message of a worker; None: it is gone. Raises ValueError for what is no message."""
    body = await _read(reader)
    return None if body is None else _decode_from_worker(body)


async def read_to_worker(reader: asyncio.StreamReader) -> ToWorker | None:
    """The next message of the control process; None: it is gone. Raises ValueError for what is no message."""
    body = await _read(reader)
    return None if body is None else _decode_to_worker(body)


async def _read(reader: asyncio.StreamReader) -> bytes | None:
    try:
        length = int.from_bytes(await reader.readexactly(_LENGTH), "big")
        if length > MAX_MESSAGE:
            raise ValueError(f"a message of {length} bytes: the two ends are out of step")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
