from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.yaml_documents import MAX_DEPTH, read_document, split_documents


def value_of(text):
    (document,) = read_document(text)
    assert document.faults == ()
    return document.value


def fault_of(text):
    document = read_document(text)[-1]
    assert document.faults
    return document.faults[0].message, document.fault_line


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("", []),
        ("# only\n---\n# comments\n", []),
        ("a: 1", [1]),
        ("---\na: 1\n---\n\n---\nb: 1\n", [1, 5]),
        ("%YAML 1.1\n---\na: 1\n", [2]),
        ("a: |\n  ---\n  x\n---\nb: 1", [1, 4]),
        ("a: 1\n--- {b: 1}\n---c: 1", [1, 2]),
        ("a: 1\r\n---\r\nb: 2\r\n", [1, 2]),
        ("---\n...\n---\na: 1", [3]),
    ],
)
def test_documents_are_cut_at_separators(text, starts):
    assert [line for _, line in split_documents(text)] == starts


def test_a_lone_carriage_return_ends_a_line_too():
    assert [document.value for document in read_document("a: 1\r---\rb: 2\r")] == [{"a": 1}, {"b": 2}]


def test_values_as_kubernetes_reads_them():
    text = "a: 1\nb: [yes, 'yes', 1.5, ~]\n1: x\nc: {d: 2025-01-01, e: !!str 5}\n'<<': q\n"
    assert value_of(text) == {
        "a": 1,
        "b": [True, "yes", 1.5, None],
        "1": "x",
        "c": {"d": "2025-01-01", "e": "5"},
        "<<": "q",
    }


def test_anchors_aliases_and_merges():
    text = "base: &b {x: 1, y: 2}\none: {<<: *b, y: 3}\ntwo: {<<: [*b, {z: 4}]}\nthree: *b\nk: &k v\nl: *k\n"
    assert value_of(text) == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 3},
        "two": {"x": 1, "y": 2, "z": 4},
        "three": {"x": 1, "y": 2},
        "k": "v",
        "l": "v",
    }


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", "'a' is there twice", 3),
        ("a: [1\n", "not valid YAML", 2),
        ("a: *x\n", "alias *x", 1),
        ("&a [*a]", "alias *a", 1),
        ("? [a]\n: b\n", "a key must be", 1),
        ("~: b\n", "a key is empty", 1),
        ("a: !!python/object:os.system x\n", "tag", 1),
        ("a: !!set {b}\n", "tag", 1),
        ("<<: 1\n", "merge key", 1),
        ("a: \x00\n", "control characters", 1),
        ("a: \ud800\n", "not valid Unicode", 1),
        ("[" * 200_000, f"deeper than {MAX_DEPTH}", 1),
        ("- " * 10_000, f"deeper than {MAX_DEPTH}", 1),
        ("".join(" " * depth + "a:\n" for depth in range(500)), f"deeper than {MAX_DEPTH}", MAX_DEPTH + 1),
    ],
)
def test_faults(text, message, line):
    found, at = fault_of(text)
    assert message in found
    assert at == line


def test_an_alias_bomb_is_refused_at_once():
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    message, _ = fault_of("\n".join(levels))
    assert "aliases repeat more than" in message


def test_a_long_text_that_is_repeated_is_a_bomb_too():
    message, _ = fault_of(f"a: &a {'x' * 1_000_000}\nb: [{', '.join(['*a'] * 20)}]")
    assert "aliases repeat more than" in message


def test_lines_of_every_field():
    (document,) = read_document("a:\n  b:\n  - c: 1\n  - d\n", 10, with_lines=True)
    assert document.lines == {
        ("a",): 10,
        ("a", "b"): 11,
        ("a", "b", 0): 12,
        ("a", "b", 0, "c"): 12,
        ("a", "b", 1): 13,
    }


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abc :-#'\"é\n", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(_PLAIN)
def test_what_is_dumped_is_read_back(value):
    assert value_of(yaml.safe_dump(value, allow_unicode=True) + "\n") == value


@given(st.text(max_size=200) | st.text("[]{}:,-&*!|>'\"%#? \n\tab1", max_size=200))
def test_reading_never_raises(text):
    for chunk, line in split_documents(text):
        read_document(chunk, line, with_lines=True)
