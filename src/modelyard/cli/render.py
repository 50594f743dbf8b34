"""``modelyard render``: the resources that a short form stands for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.manifests_option import ManifestsOption, print_errors, split_pipe
from modelyard.cli.output import Output, OutputOption, fail, print_json, warn
from modelyard.manifests.reading import ReadResult, folder_of, read_manifests
from modelyard.resources.yaml_writing import yaml_documents
from modelyard.resources.yard import Yard
from modelyard.shortform.cluster_notes import cluster_notes
from modelyard.shortform.expansion import expand
from modelyard.shortform.target import Target


def render(
    filename: ManifestsOption = None,
    target: Annotated[
        Target, typer.Option("--target", help="For whom: local (what up runs here), or kubernetes (what to apply).")
    ] = Target.LOCAL,
    output: OutputOption = Output.TEXT,
) -> None:
    """Print the Kubernetes objects that the short form (kind: Yard) stands for; nothing is started.

    Text is YAML; JSON is one List, which kubectl takes as well. Objects of other kinds are left out.

    Examples:

      modelyard render -f yard.yaml

      modelyard render -f yard.yaml --target kubernetes > cluster.yaml
    """
    if not filename:
        fail("say what to render: -f FILE_OR_FOLDER.", ExitCode.USAGE)
    read = read_manifests(*split_pipe(filename))
    if read.errors:
        print_errors(read.errors)
        raise typer.Exit(ExitCode.INVALID)
    yards = tuple(read.resource_set.yards.values())
    if not yards:
        fail(f"no object of kind Yard in {', '.join(map(str, filename))}.", ExitCode.INVALID)
    _say_what_is_left_out(read, yards)
    _print(yards, target, output)


def _print(yards: Sequence[Yard], target: Target, output: Output) -> None:
    items = [manifest for yard in yards for manifest in expand(yard, target, folder_of(yard.origin))]
    if output is Output.JSON:
        print_json({"apiVersion": "v1", "kind": "List", "items": items})
    else:
        sys.stdout.write(yaml_documents(items, _comments(yards, target)))


def _comments(yards: Sequence[Yard], target: Target) -> list[str]:
    names = ", ".join(yard.metadata.name for yard in yards)
    comments = [f"What Yard {names} stands for, by modelyard render --target {target}."]
    if target is Target.KUBERNETES:
        comments += [f"- {note}" for note in dict.fromkeys(note for yard in yards for note in cluster_notes(yard))]
    return comments


def _say_what_is_left_out(read: ReadResult, yards: Sequence[Yard]) -> None:
    origins = {yard.origin for yard in yards}
    others = sum(1 for item in read.resource_set if item.origin not in origins)
    if others:
        warn(f"{others} object{'s' * (others != 1)} of other kinds left out: they are Kubernetes objects already.")
