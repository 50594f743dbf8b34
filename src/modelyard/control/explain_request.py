"""The admin API's ``/api/explain`` body turned into a request head on a listener."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.control.addresses import Binding
from modelyard.http1.serialising import request_head


@dataclass(frozen=True, slots=True)
class ExplainRequest:
    """What a worker is asked."""

    listener: str
    head: bytes
    body: bytes


_ALLOWED = ("method", "path", "headers", "body", "gateway", "port")


def explain_request(asked: dict[str, Any], bindings: Sequence[Binding]) -> ExplainRequest:
    """Check and convert. ``headers`` is an object or a list of pairs; ``body`` text or a JSON value.

    Raises ValueError that names the field and what is allowed.
    """
    require_known(asked, _ALLOWED)
    binding = _binding(asked.get("gateway"), asked.get("port"), bindings)
    head, body = head_and_body(asked, f"{binding.host}:{binding.local_port}")
    return ExplainRequest(binding.group, head, body)


def require_known(asked: dict[str, Any], allowed: Sequence[str]) -> None:
    """Raises ValueError for a field that there is not."""
    unknown = sorted(set(asked) - set(allowed))
    if unknown:
        raise ValueError(f"unknown field {unknown[0]!r}; there are {', '.join(allowed)}")


def head_and_body(asked: dict[str, Any], host: str) -> tuple[bytes, bytes]:
    """The request on the wire; ``host`` is used where it names none. Raises ValueError."""
    body = _body(asked.get("body"))
    headers = _headers(asked.get("headers"))
    names = {name for name, _ in headers}
    if "host" not in names:
        headers.append(("host", host))
    if body:
        headers = [field for field in headers if field[0] != "content-length"]
        headers.append(("content-length", str(len(body))))
        if "content-type" not in names:
            headers.append(("content-type", "application/json"))
    method = str(asked.get("method") or ("POST" if body else "GET")).upper()
    path = str(asked.get("path") or "/v1/chat/completions")
    return request_head(method, path, headers), body


def _binding(gateway: Any, port: Any, bindings: Sequence[Binding]) -> Binding:
    fitting = [
        binding
        for binding in bindings
        if gateway in (None, "", "/".join(binding.gateway), binding.gateway[1]) and port in (None, binding.port)
    ]
    if not fitting:
        names = ", ".join(f"{'/'.join(b.gateway)} port {b.port}" for b in bindings)
        raise ValueError(f"no listener for gateway {gateway!r} port {port!r}; there are {names}")
    return fitting[0]


def _headers(given: Any) -> list[tuple[str, str]]:
    pairs = given.items() if isinstance(given, dict) else (given or [])
    try:
        return [(str(name).lower(), str(value)) for name, value in pairs]
    except (TypeError, ValueError):
        raise ValueError("headers must be an object or a list of [name, value] pairs") from None


def _body(given: Any) -> bytes:
    if given is None:
        return b""
    text = given if isinstance(given, str) else as_clients_write(given)
    return text.encode()


def as_clients_write(value: Any) -> str:
    """JSON as the OpenAI clients write it: no spaces, nothing escaped without need. Which prefix a prompt shares with
    earlier ones is told by its bytes, so another spelling of the same request would be explained as a new one."""
    return msgspec.json.encode(value).decode()
