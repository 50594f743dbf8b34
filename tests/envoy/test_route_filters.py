"""HTTPRoute filters: what Envoy's fields do is what the gateway's filters do."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelyard.envoy.route_filters import (
    cors_policy,
    header_edits,
    mirror_policies,
    redirect_action,
    refused_edits,
    rewrite_action,
)
from modelyard.routing.backends import BackendRef
from modelyard.routing.filters.chain import FilterChain
from modelyard.routing.filters.cors import Cors
from modelyard.routing.filters.headers import HeaderEdit
from modelyard.routing.filters.mirrors import Mirror
from modelyard.routing.filters.origins import OriginSet
from modelyard.routing.filters.path_changes import PathChange
from modelyard.routing.filters.redirects import Redirect
from modelyard.routing.filters.rewrites import Rewrite

_PREFIXES = st.sampled_from(["", "/", "/a", "/a/", "/a.b", "/a/b"])
_REPLACEMENTS = st.sampled_from(["/", "/x", "/x/", "/v1/y", "/\\1"])
_RESTS = st.sampled_from(["", "/", "/z", "/z/w"])


def envoys_path(action: dict[str, Any], path: str, matched: str) -> str:
    """What Envoy makes of a path (``prefix_rewrite`` and ``regex_rewrite``, without the query)."""
    if "prefix_rewrite" in action:
        return str(action["prefix_rewrite"]) + path[len(matched.rstrip("/")) :]
    if "regex_rewrite" in action:
        rewrite = action["regex_rewrite"]
        text = re.sub(r"\\(.)", r"\1", rewrite["substitution"])
        return re.sub(rewrite["pattern"]["regex"], lambda found: text, path, count=1)
    return path


@given(_PREFIXES, _REPLACEMENTS, _RESTS)
def test_a_prefix_in_place_of_another(sent: str, replaced: str, rest: str) -> None:
    path = f"{sent.rstrip('/')}{rest}" or "/"
    rewrite = Rewrite(path_change=PathChange(replaced, prefix_only=True))
    assert envoys_path(rewrite_action(rewrite, sent), path, sent) == rewrite.path(path, sent)


@given(_REPLACEMENTS, _RESTS)
def test_a_whole_path(replaced: str, rest: str) -> None:
    rewrite = Rewrite(hostname="other.test", path_change=PathChange(replaced))
    action = rewrite_action(rewrite, None)
    assert action["host_rewrite_literal"] == "other.test"
    assert envoys_path(action, f"/a{rest}", "") == rewrite.path(f"/a{rest}", None)


def test_header_edits() -> None:
    edit = HeaderEdit(set=(("x-a", "100 %"),), add=(("x-b", "2"),), remove=frozenset({"x-c"}))
    found = header_edits(FilterChain(request_headers=edit, response_headers=edit))
    for side in ("request", "response"):
        set_, added = found[f"{side}_headers_to_add"]
        assert set_["header"] == {"key": "x-a", "value": "100 %%"}
        assert (set_["append_action"], added["append_action"]) == (
            "OVERWRITE_IF_EXISTS_OR_ADD",
            "APPEND_IF_EXISTS_OR_ADD",
        )
        assert found[f"{side}_headers_to_remove"] == ["x-c"]


_FIELDS = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(["1", "2"])), max_size=2, unique_by=lambda f: f[0]
)


@st.composite
def _edits(draw: st.DrawFn) -> HeaderEdit:
    """An edit as manifests may write one: no name with two actions."""
    set_ = draw(_FIELDS)
    add = [field for field in draw(_FIELDS) if field[0] not in dict(set_)]
    rest = frozenset({"a", "b", "c"}) - {name for name, _ in (*set_, *add)}
    return HeaderEdit(
        set=tuple(set_),
        add=tuple(add),
        remove=draw(st.frozensets(st.sampled_from(sorted(rest)))) if rest else frozenset(),
    )


def _as_envoy_does(found: dict[str, Any], headers: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Removes, then adds in order."""
    edited = [field for field in headers if field[0] not in found.get("request_headers_to_remove", ())]
    for item in found.get("request_headers_to_add", ()):
        name = item["header"]["key"]
        if item["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD":
            edited = [field for field in edited if field[0] != name]
        edited.append((name, item["header"]["value"]))
    return {name: [value for field, value in edited if field == name] for name in "abc"}


@given(_edits(), _edits(), st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.just("0")), max_size=3, unique=True))
def test_the_edits_of_a_rule_and_of_its_backend_in_one(
    first: HeaderEdit, second: HeaderEdit, headers: list[tuple[str, str]]
) -> None:
    found = header_edits(FilterChain(request_headers=first), FilterChain(request_headers=second))
    wanted = second.apply(first.apply(headers))
    split = {name: [one for field, value in wanted if field == name for one in value.split(",")] for name in "abc"}
    assert _as_envoy_does(found, headers) == split


def test_the_host_header_cannot_be_edited_and_is_named() -> None:
    chain = FilterChain(request_headers=HeaderEdit(set=(("host", "x"),), remove=frozenset({":path"})))
    assert refused_edits(chain) == [":path", "host"]
    assert header_edits(chain) == {}


def test_redirects() -> None:
    action = redirect_action(Redirect(scheme="https"), tls=False, listener_port=80, matched_prefix=None)
    assert action == {"scheme_redirect": "https", "response_code": "FOUND"}
    redirect = Redirect(status=308, hostname="x.test", path_change=PathChange("/new"))
    action = redirect_action(redirect, tls=False, listener_port=8088, matched_prefix=None)
    assert action == {
        "scheme_redirect": "http",
        "response_code": "PERMANENT_REDIRECT",
        "host_redirect": "x.test",
        "port_redirect": 8088,
        "path_redirect": "/new",
    }


def test_mirrors_take_their_share() -> None:
    ref = BackendRef(kind="Service", namespace="default", name="copy", port=80)
    found = mirror_policies([FilterChain(mirrors=(Mirror(ref, 0.25),))], {ref: "copies"})
    [policy] = found["request_mirror_policies"]
    assert policy["cluster"] == "copies"
    assert policy["runtime_fraction"]["default_value"] == {"numerator": 250_000, "denominator": "MILLION"}
    assert mirror_policies([FilterChain()], {}) == {}


def test_cors() -> None:
    cors = Cors(OriginSet(["https://*.example.com", "http://a.test", "*"]), methods=("GET", "POST"), credentials=True)
    policy = cors_policy(cors)
    wildcard, exact, every = policy["allow_origin_string_match"]
    assert re.fullmatch(wildcard["safe_regex"]["regex"], "https://b.example.com")
    assert not re.fullmatch(wildcard["safe_regex"]["regex"], "https://example.com")
    assert exact == {"exact": "http://a.test", "ignore_case": True}
    assert re.fullmatch(every["safe_regex"]["regex"], "null")
    assert policy["allow_methods"] == "GET, POST"
    assert policy["max_age"] == "5"
