"""Fields of a client that only Modelyard may set: removed before any filter or route reads them (design, section 7)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from modelyard.envoy.api import Config, extension, typed
from modelyard.exchange.forced_model import REWRITE_HEADERS
from modelyard.exchange.trusted_headers import TRUSTED_NAMES, TRUSTED_PREFIXES

_ENVOY_PREFIX = "x-envoy-"
"""Envoy obeys these from clients that it takes for internal: retries, time-outs, other clusters."""


def remove_forged(body_headers: Iterable[str]) -> list[Config]:
    """``early_header_mutation_extensions`` of a connection manager. ``body_headers``: fields that the body sets."""
    mutations = [{"remove_on_match": {"key_matcher": _matcher(name)}} for name in forged_patterns(body_headers)]
    config = typed("extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation", mutations=mutations)
    return [extension("modelyard.client_headers", config)]


def remove_forged_trailers(body_headers: Iterable[str]) -> Config:
    """An HTTP filter: the same names in the trailers, where HTTP/2 lets a client send any field."""
    mutations = [{"remove_on_match": {"key_matcher": _matcher(name)}} for name in forged_patterns(body_headers)]
    config = typed(
        "extensions.filters.http.header_mutation.v3.HeaderMutation",
        mutations={"request_trailers_mutations": mutations},
    )
    return extension("modelyard.client_trailers", config)


def forged_patterns(body_headers: Iterable[str]) -> tuple[str, ...]:
    """Expressions for whole names, in the hyphen and in the underscore spelling."""
    names = sorted({*TRUSTED_NAMES, *REWRITE_HEADERS, *(name.lower() for name in body_headers)})
    prefixes = (*TRUSTED_PREFIXES, _ENVOY_PREFIX)
    exact = "|".join(_either_spelling(name) for name in names)
    begun = "|".join(_either_spelling(prefix) for prefix in prefixes)
    return (f"(?:{exact})", f"(?:{begun}).*")


def _matcher(pattern: str) -> Config:
    return {"safe_regex": {"regex": pattern}}


def _either_spelling(name: str) -> str:
    return "[-_]".join(re.escape(part) for part in re.split("[-_]", name))
