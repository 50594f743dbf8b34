from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.routing.charsets import CharSet
from modelyard.routing.pattern_syntax import Chars, Choice, Edge, PatternError, Repeat, Sequence, parse

A = Chars(CharSet.of("a"))
B = Chars(CharSet.of("b"))


@pytest.mark.parametrize(
    ("source", "tree"),
    [
        ("", Sequence(())),
        ("a", A),
        ("ab", Sequence((A, B))),
        ("a|b", Choice((A, B))),
        ("a|", Choice((A, Sequence(())))),
        ("(?:a)", A),
        ("(?P<name>a)(?<other>b)", Sequence((A, B))),
        ("a*", Repeat(A, 0, None)),
        ("a+?", Repeat(A, 1, None)),
        ("a{2}", Repeat(A, 2, 2)),
        ("a{2,}", Repeat(A, 2, None)),
        ("a{2,3}", Repeat(A, 2, 3)),
        ("^a$", Sequence((Edge(True), A, Edge(False)))),
        (r"\Aa\z", Sequence((Edge(True), A, Edge(False)))),
        (r"\Q.*\E", Sequence((Chars(CharSet.of(".")), Chars(CharSet.of("*"))))),
        (r"\x61\x{62}", Sequence((A, B))),
        ("a{x", Sequence((A, Chars(CharSet.of("{")), Chars(CharSet.of("x"))))),
    ],
)
def test_trees(source: str, tree: object) -> None:
    assert parse(source) == tree


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("(a", "( without )"),
        ("a)", ") without ("),
        ("[a", "ends too early"),
        ("a\\", "ends too early"),
        ("*a", "nothing to repeat"),
        ("a**", "repeats a repetition"),
        ("a{3,2}", "count outside"),
        ("a{1001}", "count outside"),
        (r"(a)\1", "back-reference"),
        ("(?=a)", "look-around"),
        ("(?!a)", "look-around"),
        ("(?<=a)b", "look-around"),
        ("(?>a)", "look-around"),
        (r"\bword", "not supported"),
        (r"\pL", "not supported"),
        ("[[:letters:]]", "unknown class"),
        ("[b-a]", "empty range"),
        (r"\x{110000}", "beyond"),
        ("(" * 60 + ")" * 60, "nested more than"),
    ],
)
def test_faults_name_the_expression_and_the_reason(source: str, fault: str) -> None:
    with pytest.raises(PatternError, match=fault.replace("(", r"\(").replace(")", r"\)")) as caught:
        parse(source)
    assert repr(source) in str(caught.value)


@given(st.text(alphabet=r"ab(|)*+?{}[]^$\.-:<>=!PQEdx012,", max_size=20))
def test_any_text_parses_or_raises_a_pattern_error(source: str) -> None:
    with contextlib.suppress(PatternError):
        parse(source)
