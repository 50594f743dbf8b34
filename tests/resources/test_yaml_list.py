"""Lists in texts, entry by entry."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.yaml_list import ListEntry, read_list


def other(text: str) -> ListEntry:
    return ListEntry(text=text, is_scalar=False)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("", ()),
        ("~", ()),
        ("# nothing", ()),
        ("[]", ()),
        ("- a\n- 'b '", (ListEntry(text="a", value="a"), ListEntry(text="b ", value="b "))),
        ("- 007\n- '7'\n- !!str 7", tuple(ListEntry(text=t, value=v) for t, v in (("007", 7), ("7", "7"), ("7", "7")))),
        ("- 2024-01-01\n-", (ListEntry(text="2024-01-01", value="2024-01-01"), ListEntry(text=""))),
        (
            "- é [x]\n- [ü,\n  [b]]\n- {a: b}",
            (ListEntry(text="é [x]", value="é [x]"), other("[ü,\n  [b]]"), other("{a: b}")),
        ),
        ("- - a\n  - b\n- c", (other("- a\n  - b"), ListEntry(text="c", value="c"))),
        ("&l [*l, &n x, *n]", (other("*l"), ListEntry(text="x", value="x"), other("*n"))),
        ("- !!int x\n- !own x", (other("!!int x"), other("!own x"))),
    ],
)
def test_entries(text: str, entries: tuple[ListEntry, ...]) -> None:
    assert read_list(text) == entries


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: b", "is no list"),
        ("!!null x", "is no list"),
        ("[a", "is no YAML"),
        ("- \ud800", "not valid Unicode"),
        ("- a\n---\n- b", "more than one YAML document"),
        ("- \x00", "is no YAML"),
    ],
)
def test_no_list(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_list(text)


@given(st.text(alphabet="-[]{}&*!|>'\"~:, \nab1%\t", max_size=40) | st.text(max_size=20))
def test_anything_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        read_list(text)
