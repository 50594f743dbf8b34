"""The remembered layout never changes what is read, except that new lines may be seen a few pages late."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.fleet.page_layout import EVERY, PageLayout
from modelyard.fleet.prometheus_text import MetricsPage

NAMES = ("aa", "aa_total", "b")
VALUES = st.integers(0, 10**12)


def page(values: list[int], padding: int, *, groups: bool = True) -> bytes:
    rows = [(f'{NAMES[n % 3]}{{n="{n}"}} {value}', n % 3) for n, value in enumerate(values)]
    if groups:
        rows.sort(key=lambda row: row[1])
    filler = "".join(f"filler_{n} {n}\n" for n in range(padding))
    return (filler + "".join(f"{row}\n" for row, _ in rows) + filler).encode()


def read(body: bytes, layout: PageLayout | None = None) -> list[list[float]]:
    found = MetricsPage(body, layout)
    return [[series.value for series in found.series(name)] for name in NAMES]


@given(st.lists(st.lists(VALUES, min_size=6, max_size=6), min_size=1, max_size=12), st.integers(0, 30), st.booleans())
def test_while_only_numbers_change_it_is_as_without(pages: list[list[int]], padding: int, groups: bool) -> None:
    layout = PageLayout()
    for values in pages:
        body = page(values, padding, groups=groups)
        assert read(body, layout) == read(body)


@given(st.lists(st.tuples(st.lists(VALUES, max_size=9), st.integers(0, 60)), max_size=6))
def test_whatever_happens_it_is_right_again_within_some_pages(pages: list[tuple[list[int], int]]) -> None:
    layout = PageLayout()
    body = b""
    for values, padding in pages:
        body = page(values, padding)
        read(body, layout)
    for _ in range(EVERY):
        last = read(body, layout)
    assert last == read(body)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_no_bytes_break_it(first: bytes, second: bytes) -> None:
    layout = PageLayout()
    for body in (first, second, b"aa 1\n" + first, second + b"\naa 2"):
        read(body, layout)


def test_a_line_before_the_known_first_one_is_seen_at_once() -> None:
    layout = PageLayout()
    assert read(b"x 1\naa 2\n", layout)[0] == [2.0]
    assert read(b"x 1\naa 1\naa 2\n", layout)[0] == [1.0, 2.0]
    assert read(b"x 1\naa 1\naa 2\naa 3\n", layout)[0] == [1.0, 2.0, 3.0]


def test_an_absent_metric_is_looked_for_every_few_pages() -> None:
    layout = PageLayout()
    read(b"x 1\n", layout)
    seen = [bool(read(b"x 1\naa 1\n", layout)[0]) for _ in range(EVERY)]
    assert any(seen)
    assert not seen[0]
