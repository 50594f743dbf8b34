"""Exit codes of every subcommand (docs/cli.md lists them)."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script can rely on."""

    OK = 0
    """All went well."""
    FAILED = 1
    """Something went wrong while running; standard error says what."""
    USAGE = 2
    """The command line is wrong."""
    INVALID = 3
    """Manifests have errors."""
    NOT_RUNNING = 4
    """There is no yard to ask (``ps``, ``logs``, ``stop``, ``explain``)."""
    ADDRESS_IN_USE = 5
    """An address that was asked for is taken."""
    INTERRUPTED = 130
    """Ended by Ctrl-C before the work was done."""
