"""Sets of characters, as a regular expression names them."""

from __future__ import annotations

from dataclasses import dataclass

_CASE_DISTANCE = ord("a") - ord("A")

Range = tuple[int, int]
"""First and last code point."""


@dataclass(slots=True, frozen=True)
class CharSet:
    """Ranges of code points, or everything but them."""

    ranges: tuple[Range, ...]
    negated: bool = False

    def __contains__(self, char: str) -> bool:
        code = ord(char)
        for first, last in self.ranges:
            if first <= code <= last:
                return not self.negated
        return self.negated

    def without_case(self) -> CharSet:
        """The set with both cases of every ASCII letter in its ranges."""
        both = [*self.ranges]
        for first, last in self.ranges:
            both += _shifted(first, last, "A", "Z", _CASE_DISTANCE)
            both += _shifted(first, last, "a", "z", -_CASE_DISTANCE)
        return CharSet(tuple(both), self.negated)

    @staticmethod
    def of(char: str) -> CharSet:
        return CharSet(((ord(char), ord(char)),))


def _shifted(first: int, last: int, low: str, high: str, distance: int) -> list[Range]:
    start, end = max(first, ord(low)), min(last, ord(high))
    return [(start + distance, end + distance)] if start <= end else []


def complement(ranges: tuple[Range, ...]) -> tuple[Range, ...]:
    """The ranges of everything else."""
    found: list[Range] = []
    start = 0
    for first, last in sorted(ranges):
        if first > start:
            found.append((start, first - 1))
        start = max(start, last + 1)
    found.append((start, 0x10FFFF))
    return tuple(found)


ANY = CharSet((), negated=True)
NOT_NEWLINE = CharSet(((10, 10),), negated=True)

_DIGIT = ((48, 57),)
_WORD = ((48, 57), (65, 90), (95, 95), (97, 122))
_SPACE = ((9, 10), (12, 13), (32, 32))

CLASSES: dict[str, tuple[Range, ...]] = {
    "d": _DIGIT,
    "D": complement(_DIGIT),
    "w": _WORD,
    "W": complement(_WORD),
    "s": _SPACE,
    "S": complement(_SPACE),
}
"""Escapes such as ``\\d``: ASCII only, as in RE2."""

NAMED: dict[str, tuple[Range, ...]] = {
    "alnum": ((48, 57), (65, 90), (97, 122)),
    "alpha": ((65, 90), (97, 122)),
    "ascii": ((0, 127),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 31), (127, 127)),
    "digit": _DIGIT,
    "graph": ((33, 126),),
    "lower": ((97, 122),),
    "print": ((32, 126),),
    "punct": ((33, 47), (58, 64), (91, 96), (123, 126)),
    "space": ((9, 13), (32, 32)),
    "upper": ((65, 90),),
    "word": _WORD,
    "xdigit": ((48, 57), (65, 70), (97, 102)),
}
"""POSIX classes such as ``[[:alpha:]]``."""
