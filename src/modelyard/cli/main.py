"""The ``modelyard`` command (alias ``yard``)."""

from __future__ import annotations

import sys

_INTERRUPTED = 130
"""``ExitCode.INTERRUPTED``."""


def main() -> None:
    """Entry point: run, and turn what is left into an exit code without a traceback."""
    try:
        _run()
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _run() -> None:
    # Imported here: this takes long enough for Ctrl-C to come in between.
    from modelyard.cli.commands import COMMANDS, application

    asked = sys.argv[1:2]
    application(asked if asked and asked[0] in COMMANDS else COMMANDS)()


if __name__ == "__main__":
    main()
