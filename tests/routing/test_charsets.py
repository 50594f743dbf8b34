from __future__ import annotations

import re
import string

import pytest

from modelyard.routing.charsets import ANY, CLASSES, NAMED, NOT_NEWLINE, CharSet, complement

ALL = [chr(code) for code in range(256)]


@pytest.mark.parametrize("name", CLASSES)
def test_escapes_are_those_of_ascii(name: str) -> None:
    wanted = re.compile(f"\\{name}", re.ASCII)
    found = [char for char in ALL if char in CharSet(CLASSES[name])]
    expected = [char for char in ALL if wanted.fullmatch(char)]
    if name in "sS":
        expected = [char for char in expected if char != "\v"] if name == "s" else sorted([*expected, "\v"])
    assert found == expected


def test_posix_classes() -> None:
    assert "".join(char for char in ALL if char in CharSet(NAMED["alpha"])) == (
        string.ascii_uppercase + string.ascii_lowercase
    )
    assert "".join(char for char in ALL if char in CharSet(NAMED["punct"])) == "".join(sorted(string.punctuation))
    assert "".join(char for char in ALL if char in CharSet(NAMED["xdigit"])) == "0123456789ABCDEFabcdef"


def test_without_case_adds_the_other_case() -> None:
    found = CharSet(((ord("X"), ord("b")),)).without_case()
    assert "".join(char for char in string.ascii_letters if char in found) == "abxyzABXYZ"


def test_negation_and_complement() -> None:
    digits = CLASSES["d"]
    for char in ALL:
        assert (char in CharSet(digits, negated=True)) is (char in CharSet(complement(digits)))
    assert "\n" in ANY
    assert "\n" not in NOT_NEWLINE
