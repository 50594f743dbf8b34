"""Regular expressions of matches, in time linear in the value whatever the expression.

Python's ``re`` backtracks: ``(a+)+b`` takes exponential time on a path that a client chooses. Here an
expression becomes a non-deterministic automaton, whose state sets are remembered as a deterministic one while
values are read; each character costs one dictionary lookup once its transition is known. Both are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.routing.charsets import CharSet
from modelyard.routing.pattern_syntax import (
    Chars,
    Choice,
    Edge,
    Node,
    PatternError,
    Repeat,
    Sequence,
    parse,
)

__all__ = ["Pattern", "PatternError"]

_MAX_STEPS = 4000
"""Automaton size; what needs more (nested counts) is refused."""

_MAX_WORK = 50_000
"""Parts visited while the automaton is built: bounds empty parts repeated within repeats."""

_MAX_TRANSITIONS = 20_000
"""Transitions remembered per expression; forgotten together when exceeded."""


class Pattern:
    """An expression in RE2 syntax that must match a whole value."""

    __slots__ = ("_known", "_program", "_start", "_transitions", "source")

    def __init__(self, source: str) -> None:
        """Raises PatternError for what cannot be used."""
        self.source = source
        self._program = _Program()
        entry = self._program.add(parse(source), self._program.match)
        self._known: dict[frozenset[int], _State] = {}
        self._transitions = 0
        self._start = self._state(self._program.reach([entry], at_start=True))

    def fits(self, value: str) -> bool:
        """Whether the whole ``value`` matches."""
        state = self._start
        for char in value:
            known = state.after.get(char)
            if known is None:
                known = self._step(state, char)
            if not known.steps:
                return False
            state = known
        return state.accepts

    def _step(self, state: _State, char: str) -> _State:
        targets = [step.after for step in map(self._program.step, state.steps) if char in step.chars]
        found = self._state(self._program.reach(targets, at_start=False))
        if self._transitions >= _MAX_TRANSITIONS:
            self._forget()
        self._transitions += 1
        state.after[char] = found
        return found

    def _state(self, steps: frozenset[int]) -> _State:
        found = self._known.get(steps)
        if found is None:
            found = self._known[steps] = _State(steps, self._program.ends(steps))
        return found

    def _forget(self) -> None:
        for state in self._known.values():
            state.after.clear()
        self._known = {self._start.steps: self._start}
        self._transitions = 0


class _State:
    """A set of steps that may come next."""

    __slots__ = ("accepts", "after", "steps")

    def __init__(self, steps: frozenset[int], accepts: bool) -> None:
        self.steps = steps
        self.accepts = accepts
        self.after: dict[str, _State] = {}


class _Step:
    """One step of the automaton: take a character, branch, or stand at an edge of the text."""

    __slots__ = ("after", "branches", "chars", "edge")

    def __init__(
        self,
        chars: CharSet = CharSet(()),  # noqa: B008 - frozen
        after: int = -1,
        branches: tuple[int, ...] = (),
        edge: Edge | None = None,
    ) -> None:
        self.chars = chars
        self.after = after
        self.branches = branches
        self.edge = edge


class _Program:
    """A Thompson automaton, built backwards: every node is compiled with the step that follows it."""

    def __init__(self) -> None:
        self._steps: list[_Step] = [_Step()]
        self.match = 0
        self._work = 0

    def step(self, number: int) -> _Step:
        return self._steps[number]

    def add(self, node: Node, after: int) -> int:
        """The entry of ``node`` when ``after`` follows it. Raises PatternError where it grows too large."""
        self._work += 1
        if self._work > _MAX_WORK:
            raise _too_large()
        match node:
            case Chars():
                return self._new(_Step(chars=node.chars, after=after))
            case Edge():
                return self._new(_Step(after=after, edge=node))
            case Sequence():
                for part in reversed(node.parts):
                    after = self.add(part, after)
                return after
            case Choice():
                return self._new(_Step(branches=tuple(self.add(option, after) for option in node.options)))
            case Repeat():
                return self._repeat(node, after)

    def _repeat(self, node: Repeat, after: int) -> int:
        entry = after
        if node.most is None:
            entry = self._new(_Step())
            self._steps[entry].branches = (self.add(node.body, entry), after)
        else:
            for _ in range(node.most - node.least):
                entry = self._new(_Step(branches=(self.add(node.body, entry), after)))
        for _ in range(node.least):
            entry = self.add(node.body, entry)
        return entry

    def _new(self, step: _Step) -> int:
        if len(self._steps) >= _MAX_STEPS:
            raise _too_large()
        self._steps.append(step)
        return len(self._steps) - 1

    def reach(self, entries: Iterable[int], *, at_start: bool) -> frozenset[int]:
        """The steps that come next from ``entries`` without taking a character."""
        return frozenset(
            number
            for number in self._closure(entries, at_start=at_start, at_end=False)
            if not self._steps[number].branches
        )

    def ends(self, steps: Iterable[int]) -> bool:
        """Whether the text may end here."""
        return self.match in self._closure(steps, at_start=False, at_end=True)

    def _closure(self, entries: Iterable[int], *, at_start: bool, at_end: bool) -> set[int]:
        seen: set[int] = set()
        todo = list(entries)
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            step = self._steps[number]
            todo += step.branches
            if step.edge is not None and (at_start if step.edge.at_start else at_end):
                todo.append(step.after)
        return seen


def _too_large() -> PatternError:
    return PatternError("the expression is too large; use smaller counts in { }")
