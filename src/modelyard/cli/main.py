"""The ``modelyard`` command (alias ``yard``)."""

from __future__ import annotations

import sys

from modelyard.cli.commands import COMMANDS, application
from modelyard.cli.exit_codes import ExitCode


def main() -> None:
    """Entry point: run, and turn what is left into an exit code without a traceback."""
    asked = sys.argv[1:2]
    app = application(asked if asked and asked[0] in COMMANDS else COMMANDS)
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(ExitCode.OK)


if __name__ == "__main__":
    main()
