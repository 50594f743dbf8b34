"""Metrics pages that are wrong on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator

_VALUE = re.compile(rb"^([^#\n].*) \S+$", re.MULTILINE)
_VALUES = (b"NaN", b"+Inf", b"-Inf", b"-1.0", b"1e400")
_LINE_BLOCK = b"".join(b'sim_filler{n="%05d"} 1.0\n' % n for n in range(2400))


def not_numbers(page: bytes) -> bytes:
    """``page`` with values that no gauge should have: NaN, infinities, negatives, overflows."""
    values = iter(range(page.count(b"\n") + 1))
    return _VALUE.sub(lambda match: match.group(1) + b" " + _VALUES[next(values) % len(_VALUES)], page)


def huge(page: bytes, size: int) -> Iterator[bytes]:
    """``page`` after valid but useless lines, in pieces, at least ``size`` bytes in all."""
    sent = 0
    while sent < size:
        yield _LINE_BLOCK
        sent += len(_LINE_BLOCK)
    yield page


GARBAGE = b"\x00\xff\xfe{{{ not metrics \r\n\xf0\x28\x8c\x28" * 8 + b'vllm:num_requests_waiting{engine="0" 3\n'
"""Bytes that are no metrics page, and a line that breaks off inside its labels."""
