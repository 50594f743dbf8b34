"""How far a fetch or a reading is: one line in place on a terminal, a line now and then in a pipe, JSON lines for
programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from modelyard.cli.output import Output, errors
from modelyard.weights.progress import Progress as Moment
from modelyard.weights.progress import Rate, readable_size

_QUIET_SECONDS = 5.0
"""Between two lines in a pipe."""


@contextmanager
def report_fetch(output: Output) -> Iterator[Callable[[Moment], None]]:
    """What to give to ``fetch`` as ``progress``. Everything goes to standard error: results alone are on standard
    output."""
    if output is Output.JSON:
        yield _json_line
    elif errors.is_terminal:
        with _bar() as bar:
            task = bar.add_task("", total=None)
            yield lambda moment: _move(bar, task, str(moment), moment.done, moment.total)
    else:
        yield _Lines()


class ReadingReport:
    """The same for bytes that are read: called with bytes done and in all."""

    def __init__(self, output: Output, what: str) -> None:
        self._quiet = output is Output.JSON or not errors.is_terminal
        self._what = what
        self._rate = Rate()
        self._bar = _bar()
        self._task = self._bar.add_task(what, total=None)

    def __enter__(self) -> ReadingReport:
        if not self._quiet:
            self._bar.start()
        return self

    def __exit__(self, *problem: object) -> None:
        if not self._quiet:
            self._bar.stop()

    def __call__(self, done: int, total: int) -> None:
        """So many bytes of so many."""
        if self._quiet:
            return
        self._rate.add(time.monotonic(), done)
        line = f"{self._what}: {readable_size(done)} of {readable_size(total)}, {readable_size(self._rate.value)}/s"
        _move(self._bar, self._task, line, done, total)


class _Lines:
    """A line when the phase changes or a problem shows, and every few seconds."""

    def __init__(self) -> None:
        self._told: tuple[str, str] | None = None
        self._last = 0.0

    def __call__(self, moment: Moment) -> None:
        now, what = time.monotonic(), (moment.phase, moment.note)
        if what != self._told or now - self._last >= _QUIET_SECONDS:
            errors.print(str(moment), markup=False)
            self._told, self._last = what, now


def _json_line(moment: Moment) -> None:
    sys.stderr.write(msgspec.json.encode(moment).decode() + "\n")
    sys.stderr.flush()


def _bar() -> Progress:
    return Progress(BarColumn(20), TextColumn("{task.description}", markup=False), console=errors, transient=True)


def _move(bar: Progress, task: TaskID, line: str, done: int, total: int) -> None:
    bar.update(task, description=line, completed=done, total=total or None)
