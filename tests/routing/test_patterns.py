from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.routing import patterns
from modelyard.routing.patterns import Pattern, PatternError


@pytest.mark.parametrize(
    ("source", "fitting", "others"),
    [
        ("/v[0-9]+/.*", ["/v1/", "/v12/chat"], ["/v/", "x/v1/"]),
        ("^/a$", ["/a"], ["/ab", "", "/a\n"]),
        ("(?i)gemma-[a-z]", ["GEMMA-B", "gemma-b"], ["gemma-1"]),
        ("a(?i)b", ["ab", "aB"], ["AB"]),
        ("(?i:a)b", ["Ab"], ["aB"]),
        ("a.b", ["axb", "aéb"], ["a\nb"]),
        ("(?s)a.b", ["a\nb"], []),
        ("[^a-c]", ["d", "-"], ["a", ""]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        (r"[\d.]+", ["1.2"], ["1a"]),
        ("(a|b)*c{2,3}", ["abcc", "ccc"], ["abc", "cccc"]),
        ("", [""], ["a"]),
        ("a||b", ["a", "", "b"], ["ab"]),
        ("(?i)[^a]", ["b"], ["A", "a"]),
        (r"\w+@\w+", ["a_1@b"], ["a@", "é@b"]),
    ],
)
def test_whole_values_fit(source: str, fitting: list[str], others: list[str]) -> None:
    pattern = Pattern(source)
    assert [value for value in fitting if not pattern.fits(value)] == []
    assert [value for value in others if pattern.fits(value)] == []


@pytest.mark.parametrize("source", ["(a+)+b", "(a|a)*b", "(a?){50}a{50}b", "(.*)*x", "(a*)*(a*)*b", "a*a*a*a*b"])
def test_patterns_that_make_backtracking_explode_take_linear_time(source: str) -> None:
    assert Pattern(source).fits("a" * 20_000) is False


def test_what_would_be_too_large_is_refused() -> None:
    for source in ("(a{100}){100}", "(((a{0}){1000}){1000}){1000}"):
        with pytest.raises(PatternError, match="too large"):
            Pattern(source)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "_MAX_TRANSITIONS", 50)
    pattern = Pattern("([a-z]*[0-9]){3}")
    for first in "abcdefghij":
        for second in "0123456789":
            assert pattern.fits(f"{first}{second}{first}1x{second}")
            assert not pattern.fits(f"{first}{second}{first}-")
            assert pattern._transitions <= 50


atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\d", "1"])
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]}|{pair[1]})"),
        inner.map(lambda body: f"({body})*"),
        inner.map(lambda body: f"(?:{body})+"),
        inner.map(lambda body: f"({body}){{1,2}}"),
        inner.map(lambda body: f"^{body}$"),
    ),
    max_leaves=6,
)


@given(expressions, st.text(alphabet="ab1", max_size=6))
def test_agrees_with_re(source: str, value: str) -> None:
    assert Pattern(source).fits(value) is (re.compile(source).fullmatch(value) is not None)
