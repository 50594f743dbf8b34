from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.yaml_scalars import plain_scalar, tagged_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("yes", True), ("Off", False), ("n", "n"), ("y", "y"),
        ("80", 80), ("-1", -1), ("0644", 0o644), ("0x1F", 31), ("0o17", 15), ("089", 89), ("1_000", "1_000"),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("1.", 1.0), (".inf", ".inf"), ("1e999", "1e999"), (".", "."),
        ("12:30", "12:30"), ("2025-01-01", "2025-01-01"), ("v1", "v1"), ("+", "+"), ("1.2.3.4", "1.2.3.4"),
        ("9" * 30, 1e30),
    ],
)  # fmt: skip
def test_plain_scalars(text, value):
    found = plain_scalar(text)
    assert found == value
    assert type(found) is type(value)


@given(st.text(max_size=60))
def test_every_text_has_a_finite_value(text):
    value = plain_scalar(text)
    assert not isinstance(value, float) or math.isfinite(value)


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("!", "1", "1"),
        ("tag:yaml.org,2002:str", "yes", "yes"),
        ("tag:yaml.org,2002:int", "7", 7),
        ("tag:yaml.org,2002:float", "7", 7.0),
        ("tag:yaml.org,2002:bool", "yes", True),
        ("tag:yaml.org,2002:null", "", None),
    ],
)
def test_tagged_scalars(tag, text, value):
    assert tagged_scalar(tag, text) == value


@pytest.mark.parametrize(
    ("tag", "text"),
    [("tag:yaml.org,2002:python/name:os.system", "x"), ("!ref", "x"), ("int", "1"), ("tag:yaml.org,2002:int", "x")],
)
def test_refused_tags(tag, text):
    with pytest.raises(ValueError, match="tag"):
        tagged_scalar(tag, text)
