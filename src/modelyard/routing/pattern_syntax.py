"""The syntax of regular expressions in matches: RE2's, without Unicode classes and word boundaries.

Parsed here instead of by ``re``, whose expressions may take exponential time; the tree goes to ``patterns``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from modelyard.routing.charsets import ANY, CLASSES, NAMED, NOT_NEWLINE, CharSet, Range

MAX_REPEAT = 1000
"""Largest count in ``{m,n}``, as in RE2."""

_MAX_DEPTH = 50
"""Groups within groups."""

_COUNT = re.compile(r"\{([0-9]{1,4})(,([0-9]{0,4}))?\}")
_NAME = re.compile(r"\?P?<[A-Za-z_][A-Za-z0-9_]*>")
_FLAGS = re.compile(r"\?([is]*)(?:-([is]+))?([:)])")
_HEX = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_CONTROL = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}


class PatternError(ValueError):
    """An expression that cannot be used; the message says why and what to write instead."""


@dataclass(slots=True, frozen=True)
class Chars:
    """One character out of a set."""

    chars: CharSet


@dataclass(slots=True, frozen=True)
class Sequence:
    """Parts one after the other; none: the empty text."""

    parts: tuple[Node, ...]


@dataclass(slots=True, frozen=True)
class Choice:
    """One of the options."""

    options: tuple[Node, ...]


@dataclass(slots=True, frozen=True)
class Repeat:
    """``body`` at least ``least`` times and at most ``most`` (None: any number)."""

    body: Node
    least: int
    most: int | None


@dataclass(slots=True, frozen=True)
class Edge:
    """Start or end of the text."""

    at_start: bool


Node = Chars | Sequence | Choice | Repeat | Edge


def parse(source: str) -> Node:
    """The tree of an expression. Raises PatternError."""
    return _Parser(source).whole()


class _Parser:
    """Recursive descent over the text, with the position and the flags as state."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0
        self.ignore_case = False
        self.dot_all = False

    def whole(self) -> Node:
        node = self.choice()
        if self.at < len(self.source):
            raise self.fault("has a ) without (")
        return node

    def choice(self) -> Node:
        options = [self.sequence()]
        while self.take("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Node:
        parts: list[Node] = []
        while self.peek() not in ("", "|", ")"):
            if self.take(r"\Q"):
                parts += self.quoted()
            else:
                parts.append(self.repeated())
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self) -> Node:
        if self.peek() in "*+?":
            raise self.fault(f"has nothing to repeat before {self.peek()}")
        node = self.atom()
        counts = self.counts()
        if counts is None:
            return node
        self.take("?")
        if self.counts() is not None:
            raise self.fault("repeats a repetition; put the inner one in ( )")
        return Repeat(node, *counts)

    def counts(self) -> tuple[int, int | None] | None:
        char = self.peek()
        simple = {"*": (0, None), "+": (1, None), "?": (0, 1)}.get(char)
        if simple is not None:
            self.at += 1
            return simple
        found = _COUNT.match(self.source, self.at) if char == "{" else None
        if found is None:
            return None
        self.at = found.end()
        least = int(found[1])
        most = least if found[2] is None else int(found[3]) if found[3] else None
        if max(least, most or 0) > MAX_REPEAT or (most is not None and most < least):
            raise self.fault(f"has a count outside {{0,{MAX_REPEAT}}}")
        return least, most

    def atom(self) -> Node:
        char = self.next()
        if char == "(":
            return self.group()
        if char == "[":
            return self.chars(self.char_class())
        if char == ".":
            return Chars(ANY if self.dot_all else NOT_NEWLINE)
        if char in "^$":
            return Edge(char == "^")
        if char == "\\":
            return self.escape()
        return self.chars(CharSet.of(char))

    def chars(self, chars: CharSet) -> Chars:
        return Chars(chars.without_case() if self.ignore_case else chars)

    def group(self) -> Node:
        if self.depth >= _MAX_DEPTH:
            raise self.fault(f"has groups nested more than {_MAX_DEPTH} deep")
        before = self.ignore_case, self.dot_all
        if self.group_head():
            return Sequence(())
        self.depth += 1
        node = self.choice()
        self.depth -= 1
        if not self.take(")"):
            raise self.fault("has a ( without )")
        self.ignore_case, self.dot_all = before
        return node

    def group_head(self) -> bool:
        """Read what follows ``(``; True where it only set flags for the rest, as ``(?i)``."""
        if self.peek() != "?":
            return False
        named = _NAME.match(self.source, self.at)
        if named is not None:
            self.at = named.end()
            return False
        flags = _FLAGS.match(self.source, self.at)
        if flags is None:
            raise self.fault("uses look-around or another extension of ( ); RE2 syntax has (?: ) and (?i) only")
        self.at = flags.end()
        on, off = flags[1], flags[2] or ""
        self.ignore_case = "i" in on or (self.ignore_case and "i" not in off)
        self.dot_all = "s" in on or (self.dot_all and "s" not in off)
        return flags[3] == ")"

    def escape(self) -> Node:
        char = self.peek()
        if char in ("A", "z"):
            self.at += 1
            return Edge(char == "A")
        if char in CLASSES and char:
            self.at += 1
            return Chars(CharSet(CLASSES[char]))
        return self.chars(CharSet.of(self.escaped_char()))

    def escaped_char(self) -> str:
        code = _HEX.match(self.source, self.at)
        if code is not None:
            self.at = code.end()
            return self.char_of(int(code[1] or code[2], 16))
        char = self.next()
        if char in _CONTROL:
            return _CONTROL[char]
        if char.isdigit():
            raise self.fault("uses a back-reference; RE2 syntax has none")
        if char.isalnum():
            raise self.fault(f"uses the escape \\{char}, which is not supported")
        return char

    def char_of(self, code: int) -> str:
        if code > 0x10FFFF:
            raise self.fault("names a character beyond U+10FFFF")
        return chr(code)

    def char_class(self) -> CharSet:
        negated = self.take("^")
        ranges: list[Range] = []
        first = True
        while first or self.peek() != "]":
            ranges += self.class_item()
            first = False
        self.at += 1
        found = CharSet(tuple(ranges))
        if negated:
            return CharSet((found.without_case() if self.ignore_case else found).ranges, negated=True)
        return found

    def class_item(self) -> tuple[Range, ...]:
        if self.take("[:"):
            return self.named_class()
        char = self.next()
        if char == "\\" and self.peek() in CLASSES and self.peek():
            return CLASSES[self.next()]
        low = self.escaped_char() if char == "\\" else char
        if self.peek() != "-" or self.source[self.at + 1 : self.at + 2] in ("]", ""):
            return ((ord(low), ord(low)),)
        self.at += 1
        char = self.next()
        high = self.escaped_char() if char == "\\" else char
        if high < low:
            raise self.fault(f"has the empty range {low}-{high}")
        return ((ord(low), ord(high)),)

    def named_class(self) -> tuple[Range, ...]:
        end = self.source.find(":]", self.at)
        name = self.source[self.at : end] if end >= 0 else ""
        if name not in NAMED:
            raise self.fault(f"names an unknown class [:{name}:]")
        self.at = end + 2
        return NAMED[name]

    def quoted(self) -> list[Node]:
        end = self.source.find(r"\E", self.at)
        text = self.source[self.at :] if end < 0 else self.source[self.at : end]
        self.at = len(self.source) if end < 0 else end + 2
        return [self.chars(CharSet.of(char)) for char in text]

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def next(self) -> str:
        char = self.peek()
        if not char:
            raise self.fault("ends too early")
        self.at += 1
        return char

    def take(self, text: str) -> bool:
        if not self.source.startswith(text, self.at):
            return False
        self.at += len(text)
        return True

    def fault(self, what: str) -> PatternError:
        return PatternError(f"the expression {self.source!r} {what} (at character {self.at + 1})")
