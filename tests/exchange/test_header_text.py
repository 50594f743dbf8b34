"""Header text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.header_text import off_the_wire, on_the_wire


@given(st.text(st.characters(codec="utf-8")))
def test_there_and_back(value: str) -> None:
    assert off_the_wire(on_the_wire(value)) == value
    on_the_wire(value).encode("latin-1")


def test_what_is_no_utf_8_stays() -> None:
    assert off_the_wire("\xe9") == "\xe9"
