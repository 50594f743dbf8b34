"""Envoy takes the first route that fits of the host that fits best: that must be the route table's own choice."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from envoy_edges import edge_from, loaded
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.envoy.virtual_hosts import refuse_bad_hosts
from modelyard.snapshot import build_snapshot

_LISTENER_HOSTS = st.lists(st.sampled_from(["", "*.example.com", "a.example.com", "*.com"]), max_size=3, unique=True)
_ROUTE_HOSTS = st.lists(
    st.sampled_from(["a.example.com", "*.example.com", "b.a.example.com", "*.com", "other.org"]),
    max_size=2,
    unique=True,
)
_PATHS = st.sampled_from(["/", "/a", "/a/", "/a/b", "/b"])
_MATCH = st.fixed_dictionaries(
    {"path": st.fixed_dictionaries({"type": st.sampled_from(["PathPrefix", "Exact"]), "value": _PATHS})},
    optional={
        "method": st.sampled_from(["GET", "POST"]),
        "headers": st.just([{"name": "X-Kind", "value": "one"}]),
        "queryParams": st.just([{"name": "q", "value": "1"}]),
    },
)
_ROUTES = st.lists(
    st.tuples(_ROUTE_HOSTS, st.lists(st.lists(_MATCH, min_size=1, max_size=2), min_size=1, max_size=2)),
    min_size=1,
    max_size=4,
)
_REQUESTS = st.tuples(
    st.sampled_from(["a.example.com", "b.a.example.com", "x.example.com", "y.com", "other.org", "z"]),
    st.sampled_from(["/", "/a", "/a/", "/a/b", "/ab", "/b/c"]),
    st.sampled_from(["GET", "POST"]),
    st.booleans(),
    st.booleans(),
)


def manifests(listeners: list[str], routes: list[Any]) -> str:
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "gw"},
        "spec": {
            "gatewayClassName": "modelyard",
            "listeners": [
                {"name": f"l{at}", "port": 80, "protocol": "HTTP", **({"hostname": host} if host else {})}
                for at, host in enumerate(listeners or [""])
            ],
        },
    }
    documents: list[Any] = [gateway]
    for at, (hosts, rules) in enumerate(routes):
        spec = {
            "parentRefs": [{"name": "gw"}],
            "hostnames": hosts,
            "rules": [
                {"matches": matches, "backendRefs": [{"name": f"none-{at}-{number}", "port": 80}]}
                for number, matches in enumerate(rules)
            ],
        }
        metadata = {"name": f"route-{at}"}
        documents.append(
            {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}
        )
    return yaml.safe_dump_all(documents)


def envoys_choice(table: dict[str, Any], host: str, path: str, method: str, header: bool, query: bool) -> str | None:
    """What Envoy does with a route table (its documentation: domain search order, first match)."""
    domains = {domain: one for one in table["virtual_hosts"] for domain in one["domains"]}
    found = domains.get(host)
    if found is None:
        suffixes = [name for name in domains if name.startswith("*.") and host.endswith(name[1:])]
        found = domains[max(suffixes, key=len)] if suffixes else domains.get("*")
    for one in found["routes"] if found else ():
        if one["name"] != "bad_host" and _fits(one["match"], path, method, header, query):
            return str(one["name"])
    return None


def _fits(match: dict[str, Any], path: str, method: str, header: bool, query: bool) -> bool:
    if "path" in match:
        fits = path == match["path"]
    elif "path_separated_prefix" in match:
        prefix = match["path_separated_prefix"]
        assert not prefix.endswith("/"), "Envoy refuses it"
        fits = path == prefix or path.startswith(f"{prefix}/")
    else:
        fits = path.startswith(match["prefix"])
    values = {":method": method, "x-kind": "one" if header else None}
    fits = fits and all(values[one["name"]] == one["string_match"]["exact"] for one in match.get("headers", ()))
    return fits and (query or not match.get("query_parameters"))


@settings(max_examples=150, deadline=None)
@given(_LISTENER_HOSTS, _ROUTES, st.lists(_REQUESTS, min_size=1, max_size=6))
def test_the_same_rule_as_the_route_table(listeners: list[str], routes: list[Any], requests: list[Any]) -> None:
    text = manifests(listeners, routes)
    table = build_snapshot(loaded(text)).table
    edge = edge_from(text)
    [envoy] = edge.route_tables
    for host, path, method, header, query in requests:
        candidates = table.candidates(table.groups[0], host, path)
        headers = {"x-kind": "one"} if header else {}
        rule = candidates.select(method, headers, "q=1" if query else "") if candidates else None
        wanted = None if rule is None else f"{rule.route}/{rule.rule_index}"
        chosen = envoys_choice(envoy, host, path, method, header, query)
        assert (None if chosen == "no_route" else chosen) == wanted, (host, path, method, header, query)


@pytest.mark.parametrize("pattern", ["", "*.example.com"])
def test_a_host_is_a_name_or_an_address_and_perhaps_a_port(pattern: str) -> None:
    [found] = refuse_bad_hosts(pattern)
    [condition] = found["match"]["headers"]
    assert condition["invert_match"]
    allowed = re.compile(condition["string_match"]["safe_regex"]["regex"])
    for host in ("a", "a_b.c-d", "a:80", "a.", "[::1]", "[::1]:80", "127.0.0.1"):
        assert allowed.fullmatch(host)
    for host in ("", "a,b", "a@b", "a b", "a:", "a:b", "-a", "[a", "::1", "a/b", "a%41"):
        assert not allowed.fullmatch(host)


def test_a_host_that_is_compared_whole_needs_no_look() -> None:
    assert refuse_bad_hosts("a.example.com") == []
