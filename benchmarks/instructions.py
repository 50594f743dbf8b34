"""How many bytecode instructions a call takes, by function: the same on every run, however busy the machine is."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

_ROOT = "modelyard/"


class Share(NamedTuple):
    """One function's part of a turn."""

    instructions: float
    calls: float
    place: str


def count(run: Callable[[int], None], turns: int) -> list[Share]:
    """Functions by instructions per turn, most first. ``run`` takes the number of turns."""
    instructions: Counter[str] = Counter()
    calls: Counter[str] = Counter()

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        place = f"{code.co_filename.rpartition(_ROOT)[2]}:{code.co_qualname}"
        if event == "call":
            calls[place] += 1
            frame.f_trace_opcodes = True
            frame.f_trace_lines = False
        elif event == "opcode":
            instructions[place] += 1
        return trace

    sys.settrace(trace)
    try:
        run(turns)
    finally:
        sys.settrace(None)
    return [Share(found / turns, calls[place] / turns, place) for place, found in instructions.most_common()]


def table(shares: list[Share], lines: int) -> str:
    """Totals, by layer and by function."""
    layers: Counter[str] = Counter()
    for share in shares:
        layers[share.place.partition("/")[0]] += round(share.instructions)
    total, calls = sum(share.instructions for share in shares), sum(share.calls for share in shares)
    rows = [f"{share.instructions:8.1f} in {share.calls:4.1f} calls  {share.place}" for share in shares[:lines]]
    by_layer = ", ".join(f"{layer} {number}" for layer, number in layers.most_common(8))
    return "\n".join([f"{total:.0f} instructions in {calls:.0f} calls: {by_layer}", *rows])
