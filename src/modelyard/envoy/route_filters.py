"""HTTPRoute filters as fields of Envoy's routes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from modelyard.envoy.api import Config, typed
from modelyard.routing.backends import BackendRef
from modelyard.routing.filters.chain import NO_FILTERS, FilterChain
from modelyard.routing.filters.cors import Cors
from modelyard.routing.filters.headers import HeaderEdit
from modelyard.routing.filters.path_changes import PathChange
from modelyard.routing.filters.redirects import Redirect
from modelyard.routing.filters.rewrites import Rewrite

_MILLION = 1_000_000
_STATUS = {
    301: "MOVED_PERMANENTLY",
    302: "FOUND",
    303: "SEE_OTHER",
    307: "TEMPORARY_REDIRECT",
    308: "PERMANENT_REDIRECT",
}
_WELL_KNOWN_PORT = {"http": 80, "https": 443}


def header_edits(rule: FilterChain, backend: FilterChain = NO_FILTERS) -> Config:
    """Fields of a route or of one weighted cluster that set, add and remove headers: those of a rule, then those of its
    backend towards the backend, and the other way round on the way back. Envoy removes first, and its own order among
    routes and clusters is another."""
    return {
        **_edit("request", _joined(rule.request_headers, backend.request_headers)),
        **_edit("response", _joined(backend.response_headers, rule.response_headers)),
    }


def _joined(first: HeaderEdit | None, second: HeaderEdit | None) -> HeaderEdit | None:
    """One edit that does what two do in a row."""
    if first is None or second is None:
        return first or second
    undone = second.remove.union(name for name, _ in second.set)
    return HeaderEdit(
        set=(*(field for field in first.set if field[0] not in undone), *second.set),
        add=(*(field for field in first.add if field[0] not in undone), *second.add),
        remove=first.remove | second.remove,
    )


def refused_edits(chain: FilterChain) -> list[str]:
    """Names of header fields that Envoy lets no route change."""
    edits = [edit for edit in (chain.request_headers, chain.response_headers) if edit is not None]
    names = [name for edit in edits for name, _ in (*edit.set, *edit.add)] + [n for e in edits for n in e.remove]
    return sorted({name for name in names if not _may(name)})


def _edit(side: str, edit: HeaderEdit | None) -> Config:
    if edit is None:
        return {}
    fields: Config = {}
    added = [_field(name, value, "OVERWRITE_IF_EXISTS_OR_ADD") for name, value in edit.set if _may(name)]
    added += [_field(name, value, "APPEND_IF_EXISTS_OR_ADD") for name, value in edit.add if _may(name)]
    removed = sorted(name for name in edit.remove if _may(name))
    if added:
        fields[f"{side}_headers_to_add"] = added
    if removed:
        fields[f"{side}_headers_to_remove"] = removed
    return fields


def _may(name: str) -> bool:
    return name != "host" and not name.startswith(":")


def _field(name: str, value: str, action: str) -> Config:
    """``%`` begins a command of Envoy, so it is doubled."""
    header = {"key": name, "value": value.replace("%", "%%")}
    return {"header": header, "append_action": action, "keep_empty_value": True}


def rewrite_action(rewrite: Rewrite | None, matched_prefix: str | None) -> Config:
    """Fields of a route action that change path and Host of the forwarded request."""
    if rewrite is None:
        return {}
    action: Config = {"host_rewrite_literal": rewrite.hostname} if rewrite.hostname else {}
    if rewrite.path_change is not None:
        action |= _path_rewrite(rewrite.path_change, matched_prefix)
    return action


def _path_rewrite(change: PathChange, matched_prefix: str | None) -> Config:
    """``prefix_rewrite`` would leave ``//`` where one of the prefixes is ``/``; those are expressions."""
    if not change.prefix_only:
        return {"regex_rewrite": _substitution("^[^?]*", change.value or "/")}
    sent, replaced = (matched_prefix or "").rstrip("/"), change.value.rstrip("/")
    if sent and replaced:
        return {"prefix_rewrite": replaced}
    if sent:
        return {"regex_rewrite": _substitution(f"^{re.escape(sent)}/?", "/")}
    return {"regex_rewrite": _substitution("^/", f"{replaced}/")} if replaced else {}


def _substitution(expression: str, text: str) -> Config:
    r"""``\`` begins a group's number in a substitution."""
    return {"pattern": {"regex": expression}, "substitution": text.replace("\\", "\\\\")}


def redirect_action(redirect: Redirect, *, tls: bool, listener_port: int, matched_prefix: str | None) -> Config:
    """Envoy's ``redirect``. ``listener_port``: the Gateway's, which may differ from the local one."""
    scheme = redirect.scheme or ("https" if tls else "http")
    port = redirect.port or (_WELL_KNOWN_PORT[redirect.scheme] if redirect.scheme else listener_port)
    action: Config = {"scheme_redirect": scheme, "response_code": _STATUS[redirect.status]}
    if redirect.hostname:
        action["host_redirect"] = redirect.hostname
    if port != _WELL_KNOWN_PORT[scheme]:
        action["port_redirect"] = port
    if redirect.path_change is not None:
        changed = _path_rewrite(redirect.path_change, matched_prefix)
        if not redirect.path_change.prefix_only:
            changed = {"path_redirect": redirect.path_change.value or "/"}
        action |= changed
    return action


def mirror_policies(chains: Sequence[FilterChain], cluster_of: Mapping[BackendRef, str]) -> Config:
    """Copies for other backends; ``cluster_of`` names the cluster of each mirror's backend."""
    policies = [
        {
            "cluster": cluster_of[mirror.backend],
            "runtime_fraction": {
                "default_value": {"numerator": round(mirror.share * _MILLION), "denominator": "MILLION"}
            },
        }
        for chain in chains
        for mirror in chain.mirrors
        if mirror.backend in cluster_of
    ]
    return {"request_mirror_policies": policies} if policies else {}


def cors_policy(cors: Cors) -> Config:
    """Envoy's CORS policy, for ``typed_per_filter_config``."""
    policy = typed(
        "extensions.filters.http.cors.v3.CorsPolicy",
        allow_origin_string_match=[_origin(origin) for origin in cors.origins.patterns],
        max_age=str(cors.max_age),
        allow_credentials=cors.credentials,
    )
    lists = {"allow_methods": cors.methods, "allow_headers": cors.headers, "expose_headers": cors.expose}
    return {**policy, **{name: ", ".join(values) for name, values in lists.items() if values}}


def _origin(origin: str) -> Config:
    """``*`` in a host stands for at least one character."""
    if origin == "*":
        return {"safe_regex": {"regex": ".*"}}
    if "*" in origin:
        return {"safe_regex": {"regex": ".+".join(re.escape(part) for part in origin.lower().split("*"))}}
    return {"exact": origin.lower(), "ignore_case": True}
