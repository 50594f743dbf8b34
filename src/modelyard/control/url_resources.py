"""``modelyard up http://host:8000 …``: the resources that stand for bare addresses, so that nothing else is special."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from modelyard.fleet.discovery import UrlEndpoint
from modelyard.fleet.fleet import BackendKey
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

NAME = "urls"
_MANIFEST = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: urls}
spec:
  gatewayClassName: modelyard
  listeners: [{name: http, port: 80, protocol: HTTP}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: urls}
spec:
  parentRefs: [{name: urls}]
  rules:
  - backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: urls}]
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: urls}
spec:
  selector: {matchLabels: {modelyard.dev/source: urls}}
  targetPorts: [{number: 80}]
"""


class BadUrl(ValueError):
    """An address that cannot be used; the message says what one looks like."""


def url_endpoints(urls: Sequence[str]) -> tuple[UrlEndpoint, ...]:
    """Endpoints of the pool that stands for ``urls``. Raises :class:`BadUrl`."""
    backend = BackendKey(kind="InferencePool", namespace="default", name=NAME)
    return tuple(UrlEndpoint(backend=backend, address=_address(url)) for url in dict.fromkeys(urls))


def url_resources() -> ResourceSet:
    """Gateway, HTTPRoute and InferencePool for bare addresses."""
    resources, _ = ResourceSet.of(load_documents(_MANIFEST, "").objects)
    return resources


def _address(url: str) -> str:
    parts = urlsplit(url if "//" in url else f"http://{url}")
    try:
        port = parts.port or 80
    except ValueError:
        raise BadUrl(f"{url!r}: the port is not a number from 1 to 65535") from None
    if parts.scheme != "http" or not parts.hostname:
        raise BadUrl(f"{url!r} is no model server address: give it as http://HOST:PORT (https is not supported here)")
    if parts.path not in ("", "/") or parts.query or parts.username:
        raise BadUrl(f"{url!r}: give the server's address only, without path, query or user (http://HOST:PORT)")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"
