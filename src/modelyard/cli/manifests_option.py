"""``-f``: the manifests of ``up``, ``gateway`` and ``check``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import errors, fail
from modelyard.manifests.reading import ReadResult, read_manifests
from modelyard.resources.errors import ResourceError
from modelyard.resources.loading import MAX_BYTES, LoadResult, load_documents

ManifestsOption = Annotated[
    list[Path] | None,
    typer.Option("--filename", "-f", help="Manifest file or folder, or - for standard input (repeatable)."),
]

_PIPE = Path("-")


def split_pipe(given: Sequence[Path]) -> tuple[tuple[Path, ...], LoadResult | None]:
    """The files and folders, and what standard input holds where ``-`` is among them."""
    paths = tuple(path for path in given if path != _PIPE)
    if len(paths) == len(given):
        return paths, None
    return paths, load_documents(sys.stdin.buffer.read(MAX_BYTES + 1), str(_PIPE))


def read_or_fail(paths: Sequence[Path], piped: LoadResult | None) -> ReadResult:
    """The manifests; ends with every error printed where there are any."""
    read = read_manifests(paths, piped)
    if read.errors:
        print_errors(read.errors)
        count = len(read.errors)
        fail(
            f"{count} error{'s' if count != 1 else ''} in the manifests; nothing was started.",
            ExitCode.INVALID,
        )
    return read


def print_errors(found: Sequence[ResourceError]) -> None:
    """One line per error on standard error."""
    for error in found:
        errors.print(f"[red]✗[/] {str(error).replace('[', chr(92) + '[')}")
