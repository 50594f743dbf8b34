"""Commented YAML says the same as the value that it was made from."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelyard.envoy.api import NOTE, without_notes
from modelyard.envoy.text import commented_yaml

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
_SCALARS = st.one_of(
    _TEXT, st.booleans(), st.integers(-1000, 1000), st.none(), st.sampled_from(["no", "1e3", "0s", "~"])
)
_KEYS = _TEXT.filter(lambda text: text != NOTE)
_VALUES: Any = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner.filter(lambda item: not isinstance(item, list) or not item), max_size=3),
        st.dictionaries(_KEYS, inner, max_size=3),
    ),
    max_leaves=12,
)


def _no_nested_lists(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_no_nested_lists, value.values()))
    if isinstance(value, list):
        return not any(isinstance(item, list) and item for item in value) and all(map(_no_nested_lists, value))
    return True


@given(st.dictionaries(_KEYS, _VALUES.filter(_no_nested_lists), min_size=1, max_size=4))
def test_reads_back_as_it_was(value: dict[str, Any]) -> None:
    assert yaml.safe_load(commented_yaml(value, ["a head"])) == value


def test_notes_stand_above_what_they_explain_and_mean_nothing() -> None:
    value = {"a": {NOTE: "why a", "b": 1}, "list": [{NOTE: "first", "x": "a"}, {"x": "z"}], "text": "one\ntwo\n"}
    text = commented_yaml(value, ["head"])
    assert text == ("# head\na:\n  # why a\n  b: 1\nlist:\n# first\n- x: a\n- x: z\ntext: |\n  one\n  two\n")
    assert yaml.safe_load(text) == without_notes(value)
