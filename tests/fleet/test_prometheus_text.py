"""The selective reader, against the reference parser on valid pages and against anything else."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.fleet.prometheus_text import MAX_LINE, MAX_SERIES, MetricsPage, parse_labels

LABELS = st.dictionaries(
    st.sampled_from(["model_name", "engine", "le", "a"]), st.text(alphabet=st.characters(codec="utf-8"), max_size=12)
)
VALUES = st.floats(allow_nan=True, allow_infinity=True)
NAMES = ["vllm:num_requests_waiting", "vllm:num_requests_waiting_by_reason", "up", "x"]


@given(st.dictionaries(st.sampled_from(NAMES), st.lists(st.tuples(LABELS, VALUES), max_size=4), min_size=1))
def test_agrees_with_the_reference_parser(pages: dict[str, list[tuple[dict[str, str], float]]]) -> None:
    registry = CollectorRegistry()
    for name, series in pages.items():
        keys = sorted({key for labels, _ in series for key in labels})
        gauge = Gauge(name, "Help with \\ and\nnewline", keys, registry=registry)
        for labels, value in series:
            (gauge.labels(**{key: labels.get(key, "") for key in keys}) if keys else gauge).set(value)
    body = generate_latest(registry)
    mine = MetricsPage(body)
    for family in text_string_to_metric_families(body.decode()):
        theirs = [(s.labels, s.value) for s in family.samples if math.isfinite(s.value)]
        assert [(s.labels, s.value) for s in mine.series(family.name)] == theirs
        assert [{name: s.label(name) for name in s.labels} for s in mine.series(family.name)] == [
            labels for labels, _ in theirs
        ]


@given(st.binary(max_size=400), st.sampled_from(["up", "vllm:x", "a"]))
def test_no_bytes_break_it(noise: bytes, name: str) -> None:
    for body in (
        noise,
        name.encode() + noise,
        b"\n" + name.encode() + b"{" + noise,
        name.encode() + b"{a=" + noise + b"} 1",
    ):
        page = MetricsPage(body)
        for series in page.series(name):
            assert math.isfinite(series.value)
            assert isinstance(series.labels, dict)
        assert page.total(name) is None or page.total(name) >= 0  # type: ignore[operator]
        page.newest(name)


@pytest.mark.parametrize(
    ("line", "labels", "value"),
    [
        ("x 1", {}, 1.0),
        ("x\t1", {}, 1.0),
        ("x 1 1395066363000", {}, 1.0),
        ("x{} 2", {}, 2.0),
        ('x {a="1"} 2.5e3', {"a": "1"}, 2500.0),
        ('x{a="1",b="two",} 3', {"a": "1", "b": "two"}, 3.0),
        ('x{ a = "1" , b="2" } 3', {"a": "1", "b": "2"}, 3.0),
        (r'x{p="C:\\DIR\\",e="say \"hi\"\n"} 4', {"p": "C:\\DIR\\", "e": 'say "hi"\n'}, 4.0),
        ('x{a="} 9 {"} 5', {"a": "} 9 {"}, 5.0),
        ('x{a="ünï ✓"} 6', {"a": "ünï ✓"}, 6.0),
        ("x 0x10", None, None),
        ("x 1_000", None, None),
        ("x NaN", None, None),
        ("x +Inf", None, None),
        ("x", None, None),
        ("x ", None, None),
        ("x{", None, None),
        ('x{a="1"', None, None),
        ("xy 1", None, None),
        ("# x 1", None, None),
        (" x 1", None, None),
    ],
)
def test_lines(line: str, labels: dict[str, str] | None, value: float | None) -> None:
    series = MetricsPage(f"# HELP x h\n{line}\ny 2".encode()).series("x")
    assert [(s.labels, s.value) for s in series] == ([] if value is None else [(labels, value)])


def test_one_label_is_not_taken_for_another_that_ends_like_it() -> None:
    line = b'x{_block_size="1",user_block_size="2",note="block_size=\\"3\\"",block_size="4"} 1'
    (series,) = MetricsPage(line).series("x")
    assert series.label("block_size") == "4"
    assert series.label("size") == ""
    (alone,) = MetricsPage(b'x{block_size="4"} 1').series("x")
    assert alone.label("block_size") == "4"


def test_negative_and_repeated_values() -> None:
    page = MetricsPage(b'x{e="0"} 3\nx{e="1"} -2\nx{e="0"} 5\nx{e="2"} NaN\n')
    assert page.total("x") == 8
    assert page.mean("x") == 4
    assert page.total("x", e="1") is None
    assert page.total("x", e="0") == 8
    assert page.total("y") is None
    newest = page.newest("x")
    assert newest is not None
    assert newest.value == 5


def test_it_is_bounded() -> None:
    many = MetricsPage(b"x 1\n" * (MAX_SERIES + 50))
    assert len(many.series("x")) == MAX_SERIES
    long = MetricsPage(b'x{a="' + b"y" * MAX_LINE + b'"} 1\nx 2\n')
    assert [series.value for series in long.series("x")] == [2.0]


@pytest.mark.parametrize("text", ["a", "a=", 'a="1', 'a="1" b="2"', "=", 'a="1",,b="2"', '1a="2"'])
def test_malformed_labels_are_none(text: str) -> None:
    assert parse_labels(text) == {}
