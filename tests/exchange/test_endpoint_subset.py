"""Subset hints: addresses, compared whole."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.exchange.endpoint_subset import canonical_address, subset_of


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("10.0.0.1:8000", "10.0.0.1:8000"),
        (" 10.0.0.1:08000 ", "10.0.0.1:8000"),
        ("[2001:DB8:0::1]:80", "[2001:db8::1]:80"),
        ("[::1]:1", "[::1]:1"),
        ("10.0.0.1", None),
        ("10.0.0.1:", None),
        ("10.0.0.1:0", None),
        ("10.0.0.1:65536", None),
        ("10.0.0.1:-1", None),
        ("10.0.0.1:1e3", None),
        ("10.0.0.1:٣", None),
        ("[10.0.0.1]:80", None),
        ("2001:db8::1:80", None),
        ("[2001:db8::1]", None),
        ("[2001:db8::1:80", None),
        ("host:80", None),
        ("", None),
    ],
)
def test_canonical_addresses(text: str, canonical: str | None) -> None:
    assert canonical_address(text) == canonical


@pytest.mark.parametrize(
    ("hint", "addresses"),
    [
        (["10.0.0.1:8000", "10.0.0.2:8000"], {"10.0.0.1:8000", "10.0.0.2:8000"}),
        ("10.0.0.1:8000, 10.0.0.2:8000,", {"10.0.0.1:8000", "10.0.0.2:8000"}),
        ("localhost:8000", {"localhost:8000"}),
        ([], set()),
        ("", set()),
        (None, set()),
        (5.0, set()),
        ({"a": "10.0.0.1:8000"}, set()),
        ([["10.0.0.1:8000"], 5.0, None], set()),
    ],
)
def test_hints(hint: object, addresses: set[str]) -> None:
    assert subset_of(hint) == addresses


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_any_hint_is_read(hint: object) -> None:
    assert all(isinstance(address, str) and address for address in subset_of(hint))


@given(st.ip_addresses(), st.integers(1, 65535))
def test_an_address_is_found_in_any_spelling(address: object, port: int) -> None:
    text = f"[{address}]:{port}" if ":" in str(address) else f"{address}:{port}"
    assert canonical_address(text) == text
    assert text in subset_of(text.upper())


def test_what_is_remembered_of_hints_is_bounded() -> None:
    tracemalloc.start()
    try:
        for number in range(20):
            long = f"{number:09d}" + 1_000_000 * "x"
            assert subset_of([long]) == {long}
            assert canonical_address(long) is None
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000
