from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.routing.indexing import LAST, Branch, Entry, Scan, index
from modelyard.routing.matching import Conditions
from modelyard.routing.rules import CompiledRule


def entries(*conditions: Conditions) -> list[Entry]:
    return [(at, held, CompiledRule("infra", "route", rule_index=at)) for at, held in enumerate(conditions)]


def test_many_values_of_one_header_become_a_branch() -> None:
    found = index(entries(*(Conditions(headers=(("model", f"m{n}"),)) for n in range(1000))))
    assert isinstance(found, Branch)
    hit = found.first(LAST, "POST", {"model": "m731"}, {})
    assert hit is not None
    assert hit[0] == 731
    assert found.first(LAST, "POST", {"model": "m1000"}, {}) is None
    assert found.first(LAST, "POST", {}, {}) is None


def test_entries_without_the_header_keep_their_place() -> None:
    model = [Conditions(headers=(("model", f"m{n}"),)) for n in range(8)]
    found = index(entries(*model[:4], Conditions(method="PUT"), *model[4:]))
    first = found.first(LAST, "PUT", {"model": "m6"}, {})
    second = found.first(LAST, "GET", {"model": "m6"}, {})
    third = found.first(LAST, "PUT", {"model": "m1"}, {})
    assert [hit and hit[0] for hit in (first, second, third)] == [4, 7, 1]


def test_a_few_entries_are_scanned() -> None:
    assert isinstance(index(entries(*(Conditions(headers=(("model", f"m{n}"),)) for n in range(4)))), Scan)


def test_a_header_that_is_always_the_same_does_not_split() -> None:
    same = [Conditions(headers=(("a", "1"), ("b", f"{n}"))) for n in range(20)]
    found = index(entries(*same))
    hit = found.first(LAST, "GET", {"a": "1", "b": "17"}, {})
    assert hit is not None
    assert hit[0] == 17


values = st.sampled_from(["1", "2", "3"])
fields = st.dictionaries(st.sampled_from(["a", "b", "c"]), values, max_size=3)
conditions_ = st.builds(
    Conditions,
    method=st.sampled_from([None, None, "GET"]),
    headers=fields.map(lambda found: tuple(found.items())),
    queries=st.dictionaries(st.sampled_from(["q"]), values, max_size=1).map(lambda found: tuple(found.items())),
)


@given(st.lists(conditions_, max_size=30), st.sampled_from(["GET", "PUT"]), fields, fields)
def test_the_index_finds_what_a_scan_finds(
    held: list[Conditions], method: str, headers: dict[str, str], query: dict[str, str]
) -> None:
    written = entries(*held)
    expected = next((entry for entry in written if entry[1].hold(method, headers, query)), None)
    assert index(written).first(LAST, method, headers, query) == expected
