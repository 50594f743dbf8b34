"""Gateway API behaviour as data: manifests, requests, and what must come of them.

Written from the specification (HTTPRoute, Gateway and ReferenceGrant of v1.6), one case per rule, filter and
condition. The files are ``cases/*.yaml``; every case is loaded together with ``base.yaml``. A runner gives each
case to a gateway: ``pure_gateway`` to the pure layers; over sockets, each Service of ``base.yaml`` needs one
echoing backend of its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import yaml

_FOLDER = Path(__file__).parent / "cases"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Request(_Strict, frozen=True, kw_only=True):
    """What the client sends."""

    gateway: str = "infra/edge"
    """``namespace/name`` of the Gateway."""
    port: int = 80
    """Listener port in the Gateway."""
    sni: str | None = None
    """Server name of the TLS handshake, on an HTTPS listener."""
    method: str = "GET"
    host: str = "example.com"
    """Host header, with a port where that matters."""
    path: str = "/"
    """Path and query."""
    headers: Mapping[str, str] = {}


class Answer(_Strict, frozen=True, kw_only=True):
    """What the client must get, and what the backend must see."""

    status: int = 200
    backend: str | None = None
    """``namespace/name`` of the Service or InferencePool that got the request; None: not looked at."""
    path: str | None = None
    """Path and query at the backend; None: as sent."""
    host: str | None = None
    """Host header at the backend; None: as sent."""
    request_headers: Mapping[str, str | None] = {}
    """At the backend, joined with a comma where repeated; None: must be absent."""
    response_headers: Mapping[str, str | None] = {}
    """At the client, in the same way."""
    location: str | None = None
    split: Mapping[str, float] = {}
    """Share of the requests per backend; ``500`` is the share that is answered with 500."""
    mirrored: Mapping[str, float] = {}
    """Share of the requests that each further backend gets a copy of."""


class Exchange(_Strict, frozen=True, kw_only=True):
    """One request and its answer."""

    request: Request = Request()
    backend_headers: Mapping[str, str] = {}
    """Response headers that the backend sets."""
    answer: Answer = Answer()


class Status(_Strict, frozen=True, kw_only=True):
    """What a resource's status must say."""

    of: str
    """``Kind namespace/name``."""
    parent: str | None = None
    """Of a route or pool: ``namespace/name`` of the Gateway, with ``/sectionName`` where the reference has one."""
    listener: str | None = None
    """Of a Gateway: look at this listener instead of the Gateway itself."""
    conditions: Mapping[str, str | None] = {}
    """Type -> ``status reason``, or ``status`` for any reason; None: must be absent."""
    supported_kinds: tuple[str, ...] | None = None
    attached_routes: int | None = None
    parents: int | None = None
    """Number of parents in a route's or pool's status."""


class Case(_Strict, frozen=True, kw_only=True):
    """One rule of the specification."""

    name: str
    manifests: str = ""
    exchanges: tuple[Exchange, ...] = ()
    statuses: tuple[Status, ...] = ()


def load_cases() -> dict[str, Case]:
    """Every case, by ``topic/name``."""
    found: dict[str, Case] = {}
    for file in sorted(_FOLDER.glob("*.yaml")):
        if file.name == "base.yaml":
            continue
        for item in yaml.safe_load(file.read_text()):
            case = msgspec.convert(item, Case)
            found[f"{file.stem}/{case.name}"] = case
    return found


BASE_MANIFESTS = (_FOLDER / "base.yaml").read_text()
"""Namespaces, Gateways and Services that every case may use."""

CASES = load_cases()
