from __future__ import annotations

from modelyard.routing.filters.headers import HeaderEdit


def test_set_replaces_every_value_or_creates_one() -> None:
    edit = HeaderEdit(set=(("x", "new"), ("y", "made")))
    assert edit.apply([("x", "1"), ("a", "kept"), ("x", "2")]) == [("a", "kept"), ("x", "new"), ("y", "made")]


def test_add_appends_to_the_last_value_or_creates_one() -> None:
    edit = HeaderEdit(add=(("x", "more"), ("y", "made")))
    assert edit.apply([("x", "1"), ("x", "2")]) == [("x", "1"), ("x", "2,more"), ("y", "made")]


def test_cookies_are_never_joined() -> None:
    edit = HeaderEdit(add=(("set-cookie", "b=2"),))
    assert edit.apply([("set-cookie", "a=1")]) == [("set-cookie", "a=1"), ("set-cookie", "b=2")]


def test_remove_takes_all() -> None:
    assert HeaderEdit(remove=frozenset({"x", "z"})).apply([("x", "1"), ("y", "2"), ("x", "3")]) == [("y", "2")]


def test_the_input_is_left_alone() -> None:
    headers = [("x", "1")]
    HeaderEdit(set=(("x", "2"),), add=(("y", "3"),)).apply(headers)
    assert headers == [("x", "1")]
