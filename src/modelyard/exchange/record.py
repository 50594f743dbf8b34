"""What is known of an exchange when it has ended; telemetry turns it into metrics and one access-log line."""

from __future__ import annotations

import msgspec


class ExchangeRecord(msgspec.Struct, eq=False, gc=False):
    """One finished exchange. Times are seconds; sizes are bytes."""

    method: str = ""
    path: str = ""
    listener: str = ""
    """Listener group: ``namespace/gateway:port``."""
    route: str = ""
    """``namespace/name``; empty: no route."""
    backend: str = ""
    """The chosen backend, as ``str(BackendKey)``."""
    endpoint: str = ""
    model: str = ""
    """The name that the client asked for."""
    target_model: str = ""
    status: int = 0
    """Status sent to the client; 0: the client went away before any."""
    reason: str = ""
    """Why Modelyard answered itself or the answer was cut (``no_route``, ``client_gone``…); else empty."""
    stream: bool = False
    attempts: int = 0
    """Endpoints tried."""
    request_bytes: int = 0
    response_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    started: float = 0.0
    """Monotonic time of the request head."""
    duration: float = 0.0
    time_to_first_byte: float = 0.0
    """From the request head to the first response byte; 0: none came."""
    queued: float = 0.0
    """Time spent waiting for admission."""
    priority: int = 0
    request_id: str = ""
    """``x-request-id`` towards the endpoint: the client's, or one made here. The same for every attempt."""
    deciding: float = 0.0
    """What a decision for another gateway took, waiting apart: reading the body, admission, the pick."""
    load_wait: float = 0.0
    """The part of ``queued`` that was spent waiting for an adapter to be loaded."""
    lacked_endpoints: bool = False
    """Admission refused it, or let it wait in vain, because no endpoint that it may go to was ready."""
    fairness_id: str = ""
    """Whose request it was, where admission has queues; else empty."""
    sized: bool = False
    """``request_bytes`` was known when an endpoint was picked for another gateway."""
