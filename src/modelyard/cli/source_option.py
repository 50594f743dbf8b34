"""``--source``: where models that manifests name are taken from on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.resources.source_table import split_option

SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME=WHERE",
        help="Take a model, path or bucket of the manifests from demo://NAME, a folder, ORG/NAME or ORG/NAME@REVISION"
        " of the hub, gs:// or s3:// (repeatable).",
    ),
]


def given_sources(texts: Sequence[str] | None) -> Mapping[str, str]:
    """Name -> source. Ends with a clear error for what is no source, and for a name that is given twice."""
    found: dict[str, str] = {}
    for text in texts or ():
        try:
            name, where = split_option(text)
        except ValueError as error:
            fail(f"--source {error}.", ExitCode.USAGE)
        if found.get(name, where) != where:
            fail(f"--source gives {name} twice: {found[name]} and {where}.", ExitCode.USAGE)
        found[name] = where
    return found
