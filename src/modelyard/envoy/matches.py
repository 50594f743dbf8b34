"""Path, method, header and query conditions of a rule as Envoy's ``RouteMatch``."""

from __future__ import annotations

from modelyard.envoy.api import Config
from modelyard.routing.matching import Conditions
from modelyard.routing.paths import PathKind, PathMatch


def route_match(path: PathMatch, conditions: Conditions, model_paths: str | None = None) -> Config:
    """All conditions of one match. ``model_paths``: an expression that ``:path`` has to fit as well."""
    headers = [_exact(name, value) for name, value in conditions.headers]
    headers += [_regex(name, pattern.source) for name, pattern in conditions.header_patterns]
    if conditions.method is not None:
        headers.append(_exact(":method", conditions.method))
    if model_paths is not None:
        headers.append(_regex(":path", model_paths))
    queries = [{"name": name, "string_match": {"exact": value}} for name, value in conditions.queries]
    queries += [
        {"name": name, "string_match": {"safe_regex": {"regex": pattern.source}}}
        for name, pattern in conditions.query_patterns
    ]
    match = path_match(path)
    if headers:
        match["headers"] = headers
    if queries:
        match["query_parameters"] = queries
    return match


def path_match(path: PathMatch) -> Config:
    """The path alone. A prefix means whole path elements."""
    if path.kind is PathKind.EXACT:
        return {"path": path.value}
    if path.kind is PathKind.REGEX:
        return {"safe_regex": {"regex": path.value}}
    if not path.value:
        return {"prefix": "/"}
    return {"path_separated_prefix": path.value}


def _exact(name: str, value: str) -> Config:
    return {"name": name, "string_match": {"exact": value}}


def _regex(name: str, expression: str) -> Config:
    return {"name": name, "string_match": {"safe_regex": {"regex": expression}}}
