from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.local import arguments as argv

LINE = ("--model", "m", "--port=8000", "--enable-lora", "--lora-modules", "a=/a", "b=/b", "-tp", "2")


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("--model", ["m"]),
        ("--port", ["8000"]),
        ("--enable-lora", []),
        ("--lora-modules", ["a=/a", "b=/b"]),
        ("--tensor-parallel-size", ["2"]),
        ("--absent", None),
    ],
)
def test_values_of_every_form(flag: str, expected: list[str] | None) -> None:
    assert argv.values(LINE, flag) == expected


def test_underscores_are_dashes_and_the_last_one_wins() -> None:
    assert argv.value(("--max_model_len", "1", "--max-model-len=2"), "--max-model-len") == "2"


def test_negative_numbers_are_values() -> None:
    assert argv.values(("--max-model-len", "-1", "--x"), "--max-model-len") == ["-1"]


def test_without_takes_the_value_along_but_no_more() -> None:
    assert argv.without(LINE, "--tensor-parallel-size") == LINE[:-2]
    assert argv.without(("--switch", "--next"), "--switch", takes_value=False) == ("--next",)
    assert argv.without(("--flag", "--next"), "--flag") == ("--next",)


@given(
    st.lists(st.sampled_from(["--a", "--b=1", "x", "--c", "2", "-q"]), max_size=8),
    st.sampled_from(["--a", "--b", "--n"]),
)
def test_with_value_gives_the_flag_exactly_once(line: list[str], flag: str) -> None:
    changed = argv.with_value(line, flag, "new")
    assert argv.value(changed, flag) == "new"
    assert argv.values(argv.without(changed, flag), flag) is None
