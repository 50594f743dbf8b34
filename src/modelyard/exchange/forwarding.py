"""The request as it goes to an endpoint: head with Modelyard's own fields, the route's filters applied, mirrors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.exchange.commands import Forward, Mirror
from modelyard.exchange.header_text import on_the_wire
from modelyard.exchange.known_route import ADDRESS_MARK, ID_MARK, LENGTH_MARK, HeadTemplate, KnownRoute
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME, MULTIPLEXED_MODEL_ID
from modelyard.exchange.upstream_heads import upstream_head, upstream_headers
from modelyard.fleet.adapter_names import RAY_ENGINE

if TYPE_CHECKING:
    from modelyard.exchange.exchange import Exchange
    from modelyard.exchange.gateway import Gateway
    from modelyard.fleet.endpoints import Endpoint
    from modelyard.http1.message_heads import Headers
    from modelyard.routing.backends import CompiledBackend
    from modelyard.routing.rules import CompiledRule

MOST_TEMPLATES = 32
"""Heads kept per way; versions of an adapter come and go."""


def forward(exchange: Exchange, gateway: Gateway, endpoint: Endpoint) -> Forward:
    """The command that sends ``exchange`` to ``endpoint``.

    Raises ``UnsendableHead`` where a filter or a body field put something into a header that no head can carry.
    """
    rule, backend = exchange.rule, exchange.backend
    assert rule is not None
    assert backend is not None
    head = exchange.head
    body = exchange.body
    way = exchange.way
    template = None
    if way is not None:
        named = exchange.engine_model
        key = f"{endpoint.engine} {named}" if named else endpoint.engine
        template = way.templates.get(key) or _template(way, key, exchange, gateway, endpoint)
    request_id = _request_id(exchange, gateway)
    if template is not None and body is not None:
        wire = template.fill(request_id, exchange.client.address, len(body))
        return Forward(
            endpoint.address,
            wire,
            body,
            False,
            gateway.settings.connect_timeout,
            rule.backend_timeout,
            exchange.deadline,
        )
    length, chunked = (head.content_length, head.chunked) if body is None else (len(body), False)
    wire = _head(
        exchange,
        gateway,
        endpoint,
        request_id,
        exchange.client.address,
        length=None if length is None else str(length),
        chunked=chunked,
    )
    return Forward(
        endpoint.address,
        wire,
        body,
        chunked,
        gateway.settings.connect_timeout,
        rule.backend_timeout,
        exchange.deadline,
        upgrade=bool(head.upgrade),
        mirrors=_mirrors(exchange, gateway, rule, backend, wire),
    )


def _request_id(exchange: Exchange, gateway: Gateway) -> str:
    """The exchange's id towards endpoints, the same for every attempt and in the access log."""
    record = exchange.record
    if not record.request_id:
        record.request_id = exchange.head.by_name.get("x-request-id") or gateway.request_ids.new()
    return record.request_id


def _template(
    way: KnownRoute, key: str, exchange: Exchange, gateway: Gateway, endpoint: Endpoint
) -> HeadTemplate | None:
    """The head for endpoints of this engine (and engine-side name) with gaps; made when the way first leads there."""
    templates = way.templates
    if key not in templates:
        if len(templates) >= MOST_TEMPLATES:
            templates.clear()
        wire = _head(exchange, gateway, endpoint, ID_MARK, ADDRESS_MARK, length=LENGTH_MARK, chunked=False)
        templates[key] = HeadTemplate.of(wire)
    return templates[key]


def _head(
    exchange: Exchange,
    gateway: Gateway,
    endpoint: Endpoint,
    request_id: str,
    address: str,
    *,
    length: str | None,
    chunked: bool,
) -> bytes:
    """The request head for ``endpoint``: the client's fields, Modelyard's own, the route's filters applied."""
    rule, backend = exchange.rule, exchange.backend
    assert rule is not None
    assert backend is not None
    head = exchange.head
    headers = _own_fields(exchange, gateway, endpoint, request_id, address)
    path, host = exchange.path, head.authority
    for filters in (rule.filters, backend.filters):
        if filters:
            if filters.request_headers is not None:
                headers = filters.request_headers.apply(headers)
            if filters.rewrite is not None:
                host = filters.rewrite.hostname or host
    return upstream_head(
        head.method,
        f"{path}?{head.query}" if head.query else path,
        host or endpoint.address,
        headers,
        length=length,
        chunked=chunked,
        upgrade=head.upgrade,
    )


def _own_fields(exchange: Exchange, gateway: Gateway, endpoint: Endpoint, request_id: str, address: str) -> Headers:
    """The client's end-to-end fields and those that Modelyard adds."""
    head = exchange.head
    by_name = head.by_name
    headers = upstream_headers(head)
    for item in gateway.snapshot.body_headers:
        if item.header in by_name:
            headers.append((item.header, on_the_wire(by_name[item.header])))
    if BASE_MODEL_NAME in by_name:
        headers.append((BASE_MODEL_NAME, on_the_wire(by_name[BASE_MODEL_NAME])))
    if endpoint.engine == RAY_ENGINE and exchange.target_model:
        headers.append((MULTIPLEXED_MODEL_ID, on_the_wire(exchange.engine_model or exchange.target_model)))
    if "x-request-id" not in by_name:
        headers.append(("x-request-id", request_id))
    client = exchange.client
    if "x-forwarded-proto" in by_name:
        headers = [field for field in headers if field[0] != "x-forwarded-proto"]
    headers.append(("x-forwarded-proto", "https" if client.tls else "http"))
    if exchange.renames and "accept-encoding" in by_name:
        # A compressed answer could not be read, so the client would see the engine's model name.
        headers = [field for field in headers if field[0] != "accept-encoding"]
    return _with_forwarded_for(headers, by_name.get("x-forwarded-for"), address)


def _with_forwarded_for(headers: Headers, known: str | None, address: str) -> Headers:
    """``x-forwarded-for`` with this client appended, as every proxy in front of an application does."""
    if known is not None:
        headers = [field for field in headers if field[0] != "x-forwarded-for"]
        address = f"{known}, {address}" if address else known
    if address:
        headers.append(("x-forwarded-for", address))
    return headers


def _mirrors(
    exchange: Exchange, gateway: Gateway, rule: CompiledRule, backend: CompiledBackend, wire: bytes
) -> tuple[Mirror, ...]:
    """Copies for mirror backends that have an endpoint, with the first attempt only; a mirror never fails a request."""
    mirrors = (*rule.filters.mirrors, *backend.filters.mirrors)
    if not mirrors or exchange.record.attempts > 1:
        return ()
    wanted = [mirror for mirror in mirrors if mirror.wants(gateway.random())]
    addresses = [gateway.mirror_address(mirror.backend) for mirror in wanted]
    return tuple(Mirror(address, wire) for address in addresses if address)
