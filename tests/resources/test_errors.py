from __future__ import annotations

import pytest

from modelyard.resources.bases import Origin
from modelyard.resources.errors import ResourceError, nearest, shown


def test_one_clear_line():
    error = ResourceError.at(
        Origin(source="gw.yaml", document=2, line=14),
        subject="Gateway edge",
        path="spec.listeners[0].protocol",
        message="'HTPP' is not valid here",
        allowed=("HTTP", "HTTPS"),
        suggestion="HTTP",
    )
    assert str(error) == (
        "gw.yaml:14: document 2: Gateway edge: spec.listeners[0].protocol: 'HTPP' is not valid here; "
        "allowed: HTTP, HTTPS; did you mean 'HTTP'?"
    )


def test_parts_that_are_not_known_are_left_out():
    assert str(ResourceError(source="a.yaml", message="is empty")) == "a.yaml: is empty"


def test_a_long_list_of_names_is_cut():
    error = ResourceError(source="a", message="m", allowed=tuple(f"name{n}" for n in range(100)))
    assert str(error).endswith("name23, …")


@pytest.mark.parametrize(
    ("name", "found"), [("htp", "HTTP"), ("PathPrefx", "PathPrefix"), ("zzz", ""), ("", ""), ("x" * 10**6, "")]
)
def test_nearest(name, found):
    assert nearest(name, ("HTTP", "PathPrefix")) == found


def test_long_values_are_cut():
    assert len(shown("x" * 10**6)) < 100
    assert "\n" not in shown("a\nb")


@pytest.mark.parametrize("value", [{}, [], {"a": [1, None, True], "b": {}}, "it's", [["x"], 1.5], {"k": "v" * 40}])
def test_short_values_are_shown_as_python_writes_them(value):
    assert shown(value) == repr(value)


def test_showing_a_value_writes_little_more_than_is_shown():
    long = ["x" * 10**6] * 10**5
    for value in (long, {"a": long}, [long] * 10**5):
        assert len(shown(value)) == 81
