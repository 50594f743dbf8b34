"""What Envoy does with a request that a rule sends to backends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from modelyard.envoy.api import Config, seconds
from modelyard.envoy.external_processing import SERVED_FIELD, asks_picker
from modelyard.envoy.pools import Pool
from modelyard.envoy.route_filters import header_edits, mirror_policies, rewrite_action
from modelyard.envoy.settings import EdgeSettings
from modelyard.routing.backends import BackendRef, CompiledBackend
from modelyard.routing.filters.chain import FilterChain
from modelyard.routing.filters.rewrites import Rewrite
from modelyard.routing.rules import CompiledRule

CORS_FILTER = "envoy.filters.http.cors"
MISSING = "modelyard-missing-backend"
"""A cluster that never exists: the share of a backend that cannot be used is answered with 500."""

_RETRIED = "connect-failure,refused-stream,reset"
"""Failures before the first byte of an answer; nothing is repeated after it."""

_ENDPOINT_FIELD: Config = {
    "header": {"key": "x-modelyard-endpoint", "value": "%UPSTREAM_REMOTE_ADDRESS%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}

PoolOf = Callable[[BackendRef, bool], Pool]


class Unmapped(ValueError):
    """A rule asks for something that Envoy has no counterpart for; the text says what."""


def forwarding(
    rule: CompiledRule, usable: Sequence[CompiledBackend], pool_of: PoolOf, settings: EdgeSettings, *, by_model: bool
) -> Config:
    """Fields of a route. ``by_model``: the route matches by the body. Raises :class:`Unmapped`."""
    rewrite = route_rewrite(rule, usable)
    chains = _chains(rule, usable)
    mirrors = {mirror.backend: pool_of(mirror.backend, True).name for chain in chains for mirror in chain.mirrors}
    action: Config = {
        "timeout": seconds(rule.request_timeout),
        "idle_timeout": "0s",
        "retry_policy": _retry_policy(rule, settings),
        "cluster_not_found_response_code": "INTERNAL_SERVER_ERROR",
        **rewrite_action(rewrite, rule.matched_prefix),
        **mirror_policies(chains, mirrors),
    }
    own_edits = any(header_edits(backend.filters) for backend in usable)
    route: Config = {"route": action, **({} if own_edits else header_edits(rule.filters))}
    added = [SERVED_FIELD] if any(backend.ref.kind == "InferencePool" for backend in usable) else []
    added += [_ENDPOINT_FIELD] if settings.endpoint_header else []
    if added:
        route["response_headers_to_add"] = [*route.get("response_headers_to_add", ()), *added]
    if len(usable) == 1 and not own_edits:
        pool = pool_of(usable[0].ref, False)
        action["cluster"] = pool.name
        asked = _asks(pool, by_model)
        return {**route, "typed_per_filter_config": asked} if asked else route
    action["weighted_clusters"] = {
        "clusters": [_weighted(rule, backend, pool_of, own_edits, by_model) for backend in usable]
    }
    return route


def _asks(pool: Pool, by_model: bool) -> Config:
    """A Service's requests are for models only where the route was chosen by one."""
    if not pool.picked or (pool.key.kind == "Service" and not by_model):
        return {}
    return asks_picker(pool.key, sees_heads=pool.sees_heads, sees_answers=pool.sees_answers)


def route_rewrite(rule: CompiledRule, usable: Sequence[CompiledBackend]) -> Rewrite | None:
    """The rewrite of the rule and of its only backend in one. Raises :class:`Unmapped` for paths that differ among
    backends, or that are changed twice."""
    own = rule.filters.rewrite
    others = [backend.filters.rewrite for backend in usable if backend.filters.rewrite is not None]
    changing = [other for other in others if other.path_change is not None]
    if changing and len(usable) > 1:
        raise Unmapped("a path rewrite of one backend among several has no counterpart in Envoy")
    if changing and own is not None and own.path_change is not None:
        raise Unmapped("Envoy rewrites a path once, and both the rule and its backend do")
    if len(usable) > 1 or not others:
        return own
    only = others[0]
    if own is None:
        return only
    return Rewrite(only.hostname or own.hostname, only.path_change or own.path_change)


def _chains(rule: CompiledRule, usable: Sequence[CompiledBackend]) -> list[FilterChain]:
    """Whose mirrors count: Envoy copies what matches a route, whichever of several backends gets it."""
    return [rule.filters, *(backend.filters for backend in usable)] if len(usable) == 1 else [rule.filters]


def _weighted(rule: CompiledRule, backend: CompiledBackend, pool_of: PoolOf, own_edits: bool, by_model: bool) -> Config:
    if backend.error:
        return {"name": MISSING, "weight": backend.weight}
    pool = pool_of(backend.ref, False)
    edits = header_edits(rule.filters, backend.filters) if own_edits else {}
    found: Config = {"name": pool.name, "weight": backend.weight, **edits}
    rewrite = backend.filters.rewrite
    if rewrite is not None and rewrite.hostname:
        found["host_rewrite_literal"] = rewrite.hostname
    asked = _asks(pool, by_model)
    if asked:
        found["typed_per_filter_config"] = asked
    return found


def _retry_policy(rule: CompiledRule, settings: EdgeSettings) -> Config:
    """The picker's list in its order: ``override_host`` takes the next entry for each further attempt."""
    retry = rule.retry
    policy: Config = {"retry_on": _RETRIED, "num_retries": settings.attempts - 1 if retry is None else retry.attempts}
    if retry is not None and retry.codes:
        policy["retry_on"] += ",retriable-status-codes"
        policy["retriable_status_codes"] = sorted(retry.codes)
    if retry is not None and retry.backoff:
        policy["retry_back_off"] = {"base_interval": seconds(retry.backoff)}
    if rule.backend_timeout:
        policy["per_try_timeout"] = seconds(rule.backend_timeout)
    return policy
