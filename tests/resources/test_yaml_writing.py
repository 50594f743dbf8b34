from __future__ import annotations

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelyard.resources.documents import read_documents
from modelyard.resources.yaml_writing import yaml_documents

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12) | st.sampled_from(
    ["yes", "1e3", "0o17", "017", "null", "~", "<<", "=", "- a", "a: b", "#", "a\nb\n", "a\r\nb", " a\n", "\ta", "1_0"]
)
VALUES = st.recursive(
    TEXTS | st.booleans() | st.integers(-(10**12), 10**12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(content=st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=4))
@example(content={"a": "1e3", "on": "off"})
def test_what_is_written_reads_back_the_same(content):
    document, second = read_documents(yaml_documents([content, content], ["a comment"]), "-")
    assert document.faults == ()
    assert document.value == second.value == content


@pytest.mark.parametrize("text", ["1e3", "yes", "0x1F", "12", "null", ""])
def test_texts_that_look_like_something_else_are_quoted(text):
    assert yaml_documents([{"a": text}]) in (f'a: "{text}"\n', f"a: '{text}'\n")


def test_it_reads_like_hand_written_yaml():
    shared = {"app": "x"}
    made = yaml_documents([{"b": shared, "a": [shared], "text": "one: 1\ntwo: 2\n"}], ["why", ""])
    assert made == "# why\n#\nb:\n  app: x\na:\n  - app: x\ntext: |\n  one: 1\n  two: 2\n"
    assert yaml.safe_load(made)["a"] == [shared]
