from __future__ import annotations

from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.routing import hostnames
from modelyard.routing.backends import BackendRef, CompiledBackend, WeightedBackends
from modelyard.routing.listeners import Listener
from modelyard.routing.matching import UNCONDITIONAL, Conditions, parse_query
from modelyard.routing.paths import PathMatch
from modelyard.routing.patterns import Pattern
from modelyard.routing.rules import CompiledRule
from modelyard.routing.table import RouteEntry, RouteTable

GROUP = "infra/edge:80"


def listener(name: str = "http", hostname: str = "", protocol: Literal["HTTP", "HTTPS"] = "HTTP") -> Listener:
    return Listener(namespace="infra", gateway="edge", name=name, port=80, protocol=protocol, hostname=hostname)


def entry(
    name: str,
    *,
    hostname: str = "",
    path: PathMatch | None = None,
    conditions: Conditions = UNCONDITIONAL,
    created: str = "",
    position: tuple[int, int] = (0, 0),
    backends: WeightedBackends | None = None,
) -> RouteEntry:
    rule = CompiledRule("infra", name, position[0], backends=backends or WeightedBackends())
    return RouteEntry(hostname, path or PathMatch.prefix("/"), conditions, rule, (created, f"infra/{name}"), position)


def routed(table: RouteTable, host: str, path: str = "/", method: str = "GET", **headers: str) -> str | None:
    candidates = table.candidates(GROUP, host, path.partition("?")[0])
    if candidates is None:
        return None
    rule = candidates.select(method, headers, path.partition("?")[2])
    return rule and rule.name


def test_no_group_no_listener_no_route() -> None:
    table = RouteTable({listener(hostname="a.test"): [entry("r")]})
    assert table.candidates("infra/other:80", "a.test", "/") is None
    assert routed(table, "b.test") is None
    assert routed(RouteTable({listener(): []}), "a.test") is None
    assert routed(table, "a.test") == "r"


def test_what_reads_the_body_is_known_before() -> None:
    pool = CompiledBackend(BackendRef(kind="InferencePool", namespace="infra", name="pool"))
    table = RouteTable(
        {
            listener(): [
                entry("root", conditions=Conditions(headers=(("x-gateway-model-name", "a"),))),
                entry("path", path=PathMatch.prefix("/p"), conditions=Conditions(headers=(("tier", "b"),))),
                entry("pool", path=PathMatch.exact("/pool"), backends=WeightedBackends([pool])),
            ]
        }
    )
    root, path = table.candidates(GROUP, "a", "/"), table.candidates(GROUP, "a", "/p/q")
    exact = table.candidates(GROUP, "a", "/pool")
    assert root is not None
    assert path is not None
    assert exact is not None
    assert root.reads_headers == {"x-gateway-model-name"}
    assert path.reads_headers == {"x-gateway-model-name", "tier"}
    assert [rule.name for rule in path.rules] == ["path", "root"]
    assert (exact.reaches_pool, root.reaches_pool) == (True, False)


def test_routes_without_time_come_after_those_with_one() -> None:
    table = RouteTable({listener(): [entry("a"), entry("z", created="2026-01-01T00:00:00Z")]})
    assert routed(table, "a.test") == "z"


def test_a_longer_spelling_of_one_prefix_wins() -> None:
    table = RouteTable(
        {listener(): [entry("a", path=PathMatch.prefix("/p")), entry("b", path=PathMatch.prefix("/p/"))]}
    )
    assert routed(table, "a.test", "/p/x") == "b"


def test_listener_by_name_and_misdirected_requests() -> None:
    first, second = listener("any", "", "HTTPS"), listener("named", "a.test", "HTTPS")
    table = RouteTable({first: [], second: []})
    assert table.listener(GROUP, "a.test") is second
    assert table.listener(GROUP, "b.test") is first
    assert table.misdirected(GROUP, "a.test", "b.test")
    assert table.misdirected(GROUP, "b.test", "a.test")
    assert not table.misdirected(GROUP, "b.test", "c.test")
    assert not table.misdirected(GROUP, "", "a.test")
    assert not RouteTable({second: []}).misdirected(GROUP, "a.test", "b.test")


def test_entries_of_a_group() -> None:
    other = Listener(namespace="infra", gateway="other", name="http", port=80, protocol="HTTP")
    table = RouteTable({listener(): [entry("a")], other: [entry("b")]})
    assert [item.rule.name for item in table.entries()] == ["a", "b"]
    assert [item.rule.name for item in table.entries(GROUP)] == ["a"]
    assert table.groups == (GROUP, "infra/other:80")


def test_memory_stays_bounded_whatever_clients_send() -> None:
    table = RouteTable({listener(): [entry("a", path=PathMatch.regex(Pattern("/[a-z]*"))), entry("b")]})
    for number in range(5000):
        assert routed(table, f"h{number}.test", f"/{number}") == "b"
    group = table._groups[GROUP]
    assert len(group._by_request) <= 2048
    assert routed(table, "h.test", "/" + "a" * 10_000) == "a"
    assert len(group._by_chain) == 2


HOSTS = ["", "*.test", "*.a.test", "a.test", "b.a.test"]
PATHS = ["/", "/a", "/a/", "/a/b", "/ab", "/b"]
prefixes = st.sampled_from(PATHS).map(PathMatch.prefix)
exacts = st.sampled_from(PATHS).map(PathMatch.exact)
regexes = st.sampled_from(["/a.*", "/[ab]", "/.*"]).map(lambda source: PathMatch.regex(Pattern(source)))
fields = st.dictionaries(st.sampled_from(["m", "n"]), st.sampled_from("123"), max_size=2)
conditions_ = st.builds(
    Conditions,
    method=st.sampled_from([None, None, "GET"]),
    headers=fields.map(lambda found: tuple(found.items())),
    queries=st.dictionaries(st.sampled_from(["q"]), st.sampled_from("12"), max_size=1).map(
        lambda found: tuple(found.items())
    ),
)
written_entries = st.lists(
    st.tuples(
        st.sampled_from(HOSTS),
        st.one_of(prefixes, prefixes, exacts, regexes),
        conditions_,
        st.sampled_from(["", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"]),
    ),
    max_size=20,
)


def naive(
    entries: list[RouteEntry], host: str, path: str, method: str, headers: dict[str, str], query: str
) -> str | None:
    """The specification read aloud: every entry that fits, the most specific first."""
    fitting = [
        item
        for item in entries
        if hostnames.matches(item.hostname, host)
        and item.path.fits(path)
        and item.conditions.hold(method, headers, parse_query(query))
    ]
    ranked = sorted(
        fitting,
        key=lambda item: (
            tuple(-part for part in hostnames.specificity(item.hostname)),
            item.path.rank,
            -item.path.length,
            item.conditions.rank,
            not item.age[0],
            item.age,
        ),
    )
    return ranked[0].rule.name if ranked else None


@settings(max_examples=200)
@given(
    written_entries,
    st.sampled_from(["a.test", "b.a.test", "c.test", "other"]),
    st.sampled_from([*PATHS, "/a/b/c", "/b/"]),
    st.sampled_from(["GET", "PUT"]),
    fields,
    st.sampled_from(["", "q=1", "q=2&x"]),
)
def test_the_table_finds_what_a_linear_scan_finds(
    written: list[tuple[str, PathMatch, Conditions, str]],
    host: str,
    path: str,
    method: str,
    headers: dict[str, str],
    query: str,
) -> None:
    entries = [
        entry(f"r{number:02}", hostname=hostname, path=match, conditions=held, created=created)
        for number, (hostname, match, held, created) in enumerate(written)
    ]
    table = RouteTable({listener(): entries})
    assert routed(table, host, f"{path}?{query}", method, **headers) == naive(
        entries, host, path, method, headers, query
    )
