"""The filters that ask the body-based router and the endpoint picker (ext_proc), and what a route tells them.

The body mode is BUFFERED. Measured on Envoy 1.40: in FULL_DUPLEX_STREAMED a message time-out counts for nothing and a
pool that fails open answers 500 to a POST when the picker is gone; in STREAMED a picker that ends a stream cleanly
takes with it what was on its way; BUFFERED keeps the body in Envoy until the picker has answered, so nothing is lost.
"""

from __future__ import annotations

from modelyard.envoy.api import NOTE, Config, extension, seconds, typed
from modelyard.envoy.settings import EdgeSettings
from modelyard.fleet.fleet import BackendKey

PICKER_FILTER = "modelyard.endpoint_picker"
UPGRADE_PICKER_FILTER = "modelyard.endpoint_picker_of_upgrades"
ROUTER_FILTER = "modelyard.body_router"
PICKER_CLUSTER = "modelyard-endpoint-picker"
ROUTER_CLUSTER = "modelyard-body-router"

POOL_METADATA = "x-gateway-inference-pool"
"""gRPC metadata of a picker's stream: the pool, ``namespace/name``, that it is to pick from; or a Service's key."""
SERVED_KEY = "x-gateway-destination-endpoint-served"
"""Where the picker reads which endpoint answered: metadata of ``PICK_NAMESPACE``."""
PICK_NAMESPACE = "envoy.lb"
PICK_KEY = "x-gateway-destination-endpoint"
SUBSET_NAMESPACE = "envoy.lb.subset_hint"

_FILTER = "extensions.filters.http.ext_proc.v3"
_NOTHING = {
    "request_header_mode": "SKIP",
    "response_header_mode": "SKIP",
    "request_body_mode": "NONE",
    "response_body_mode": "NONE",
    "request_trailer_mode": "SKIP",
    "response_trailer_mode": "SKIP",
}
_HEAD_ONLY = {**_NOTHING, "request_header_mode": "SEND"}
"""Where an upgrade is asked for: what follows the head is no body, and ends when the connection does."""
_WHOLE_REQUEST = {**_HEAD_ONLY, "request_body_mode": "BUFFERED"}


def router_filter(settings: EdgeSettings, silence: float) -> Config:
    """Sets headers from the body, before a route is chosen; every request of the listener passes it."""
    config = typed(
        f"{_FILTER}.ExternalProcessor",
        grpc_service=_asked(ROUTER_CLUSTER),
        failure_mode_allow=False,
        status_on_error={"code": "ServiceUnavailable"},
        processing_mode=_WHOLE_REQUEST,
        message_timeout=seconds(silence),
        max_message_timeout=seconds(settings.longest_wait),
        mutation_rules={"allow_all_routing": False, "disallow_is_error": False},
        route_cache_action="DEFAULT",
        stat_prefix="body_router",
    )
    note = (
        "Body-based router (modelyard bbr): the model's name out of the body into headers that routes match. It fails"
        " closed: without the header a request would take another route."
    )
    return {NOTE: note, **extension(ROUTER_FILTER, config)}


def _asked(cluster: str) -> Config:
    """A stream that could not begin is begun anew, with one that stands in where there is one: nothing was said yet."""
    others = typed("extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig", update_frequency=1)
    again = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 2,
        "retry_priority": extension("envoy.retry_priorities.previous_priorities", others),
    }
    return {"envoy_grpc": {"cluster_name": cluster}, "retry_policy": again}


def asks_no_router() -> Config:
    """``typed_per_filter_config`` of a route that is chosen without the body, whatever the body says."""
    return {ROUTER_FILTER: typed(f"{_FILTER}.ExtProcPerRoute", disabled=True)}


def picker_filter(settings: EdgeSettings, silence: float, *, name: str = PICKER_FILTER) -> Config:
    """Asks the endpoint picker; asks nothing until a route says for which pool. ``name``: what routes call it, which is
    another where requests ask for an upgrade (``UPGRADE_PICKER_FILTER``)."""
    config = typed(
        f"{_FILTER}.ExternalProcessor",
        grpc_service=_asked(PICKER_CLUSTER),
        failure_mode_allow=True,
        processing_mode=_NOTHING,
        allow_mode_override=True,
        message_timeout=seconds(silence),
        max_message_timeout=seconds(settings.longest_wait),
        metadata_options={
            "forwarding_namespaces": {"untyped": [PICK_NAMESPACE, SUBSET_NAMESPACE]},
            "receiving_namespaces": {"untyped": [PICK_NAMESPACE]},
        },
        route_cache_action="RETAIN",
        stat_prefix="endpoint_picker",
    )
    note = (
        "Endpoint picker (modelyard epp). failure_mode_allow is on for every pool, so that a picker that dies never"
        " cuts an answer that has begun; a pool that fails closed has its guard in its cluster's load balancing policy."
        " RETAIN: the route that was picked for stays, whatever the picker asks for."
    )
    return {NOTE: note, **extension(name, config)}


def served_filter() -> Config:
    """Moves the endpoint that answered from a field of the answer, where the router can write it (``SERVED_FIELD``), to
    metadata, where the picker reads it. It stands after the picker's filter: answers pass the filters backwards."""
    rule = {
        "header": SERVED_KEY,
        "on_header_present": {"metadata_namespace": PICK_NAMESPACE, "key": SERVED_KEY, "type": "STRING"},
        "remove": True,
    }
    config = typed("extensions.filters.http.header_to_metadata.v3.Config", response_rules=[rule])
    return extension("modelyard.served_endpoint", config)


SERVED_FIELD: Config = {
    "header": {"key": SERVED_KEY, "value": "%UPSTREAM_REMOTE_ADDRESS%"},
    "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
}
"""Entry of ``response_headers_to_add``."""


def asks_picker(key: BackendKey, *, sees_heads: bool, sees_answers: bool) -> Config:
    """``typed_per_filter_config`` of a route, or of one of its weighted clusters, that leads to a pool.
    ``sees_heads``: it hears of each answer's status and endpoint; ``sees_answers``: it reads the answers' bodies, to
    count tokens or to name the model as the client did."""
    answers = {
        "response_header_mode": "SEND" if sees_heads or sees_answers else "SKIP",
        "response_body_mode": "STREAMED" if sees_answers else "NONE",
        # Measured: where nothing may follow the head, Envoy ends the picker's stream with it, and the picker takes an
        # endpoint for free that still streams its answer. Trailers are rare, so waiting for them costs no message.
        "response_trailer_mode": "SEND",
    }
    whole, head = {**_WHOLE_REQUEST, **answers}, {**_HEAD_ONLY, **answers, "response_body_mode": "NONE"}
    return {PICKER_FILTER: _for_pool(key, whole), UPGRADE_PICKER_FILTER: _for_pool(key, head)}


def _for_pool(key: BackendKey, mode: Config) -> Config:
    pool = {"key": POOL_METADATA, "value": _pool_name(key)}
    return typed(f"{_FILTER}.ExtProcPerRoute", overrides={"processing_mode": mode, "grpc_initial_metadata": [pool]})


def _pool_name(key: BackendKey) -> str:
    return f"{key.namespace}/{key.name}" if key.kind == "InferencePool" else str(key)
