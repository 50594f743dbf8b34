from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.routing.matching import UNCONDITIONAL
from modelyard.routing.paths import Bucket, PathKind, PathMap, PathMatch
from modelyard.routing.patterns import Pattern
from modelyard.routing.rules import CompiledRule


@pytest.mark.parametrize(
    ("match", "path", "expected"),
    [
        (PathMatch.exact("/a"), "/a", True),
        (PathMatch.exact("/a"), "/a/", False),
        (PathMatch.prefix("/abc"), "/abc", True),
        (PathMatch.prefix("/abc"), "/abc/", True),
        (PathMatch.prefix("/abc"), "/abc/def", True),
        (PathMatch.prefix("/abc"), "/abcd", False),
        (PathMatch.prefix("/abc/"), "/abc", True),
        (PathMatch.prefix("/"), "/", True),
        (PathMatch.prefix("/"), "/x/y", True),
        (PathMatch.prefix("/"), "*", False),
        (PathMatch.regex(Pattern("/a+")), "/aaa", True),
        (PathMatch.regex(Pattern("/a+")), "/aaa/", False),
    ],
)
def test_fits(match: PathMatch, path: str, expected: bool) -> None:
    assert match.fits(path) is expected
    assert bool(PathMap([Bucket(match, [(0, UNCONDITIONAL, CompiledRule("n", "r"))])]).chain(path)) is expected


def test_rank_is_kind_then_length() -> None:
    ordered = [
        PathMatch.exact("/abc"),
        PathMatch.exact("/a"),
        PathMatch.regex(Pattern("/a.*c")),
        PathMatch.regex(Pattern("/.*")),
        PathMatch.prefix("/a/b"),
        PathMatch.prefix("/a"),
        PathMatch.prefix("/"),
    ]
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda match: match.rank) == ordered


def test_prefixes_with_and_without_slash_are_one() -> None:
    assert PathMatch.prefix("/a/") == PathMatch.prefix("/a")
    assert (PathMatch.prefix("/a/").length, PathMatch.prefix("/a").length) == (3, 2)


def bucket(match: PathMatch) -> Bucket:
    return Bucket(match, [(0, UNCONDITIONAL, CompiledRule("n", "r"))])


def test_hostile_paths_cost_no_more_than_the_longest_prefix() -> None:
    paths = PathMap([bucket(PathMatch.prefix("/a/b"))])
    assert paths.chain("/" * 1_000_000) == ()
    assert len(paths.chain("/a/b" + "/" * 1_000_000)) == 1


elements = st.lists(st.sampled_from(["a", "b", "", "ab"]), max_size=4).map(lambda parts: "/" + "/".join(parts))
matches = st.one_of(
    elements.map(PathMatch.exact),
    elements.map(PathMatch.prefix),
    st.sampled_from(["/a.*", "/[ab]", "/.*b"]).map(lambda source: PathMatch.regex(Pattern(source))),
)


@given(st.lists(matches, unique=True, max_size=12), elements)
def test_the_map_finds_what_a_scan_finds_in_order(written: list[PathMatch], path: str) -> None:
    found = [item.path for item in PathMap([bucket(match) for match in written]).chain(path)]
    assert found == sorted((match for match in written if match.fits(path)), key=lambda match: match.rank)


def test_a_bucket_knows_what_it_reads() -> None:
    empty = bucket(PathMatch.prefix("/"))
    assert empty.path.kind is PathKind.PREFIX
    assert (empty.reads_headers, empty.reads_query, empty.reaches_pool) == (frozenset(), False, False)
