"""Sizes in bytes as flags have them: ``10485760``, ``10Mi``, ``10MiB``, ``25MB``."""

from __future__ import annotations

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.resources.quantities import parse_quantity

MOST = 2**31 - 1
"""gRPC's own bound of a message."""


def byte_size(option: str, text: str) -> int:
    """The number of bytes, 0 for an empty text; ends with a clear error for anything else."""
    if not text.strip():
        return 0
    try:
        size = parse_quantity(text.strip().removesuffix("B"))
    except ValueError:
        fail(f"{option} {text!r} is no size: write it like 10485760, 10Mi or 25MB.", ExitCode.USAGE)
    if not 0 <= size <= MOST:
        fail(f"{option} {text!r}: 0 to 2 GiB.", ExitCode.USAGE)
    return int(size)
