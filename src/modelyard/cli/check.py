"""``modelyard check``: are the manifests right, and what will become of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.manifests_option import ManifestsOption, print_errors, split_pipe
from modelyard.cli.output import Output, OutputOption, console, fail, print_json
from modelyard.cli.output import table as text_table
from modelyard.cli.source_option import SourceOption, given_sources
from modelyard.control.findings import findings
from modelyard.control.jobs import not_carried_out, plan_jobs
from modelyard.control.not_used import not_used
from modelyard.control.notes import notes
from modelyard.control.shown_resources import shown_resources
from modelyard.control.sources import sources_in_force
from modelyard.local.home import Home
from modelyard.local.machine import count_gpus
from modelyard.local.model_files import ModelSources
from modelyard.manifests.reading import ReadResult, read_manifests
from modelyard.resources.finding import Finding
from modelyard.resources.source_table import SourceTable
from modelyard.snapshot import Snapshot, build_snapshot


def check(
    filename: ManifestsOption = None,
    source: SourceOption = None,
    gateway_class: Annotated[
        str | None, typer.Option("--gateway-class", help="Check only Gateways of this class (default: all).")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Load manifests, compile them, and show every object's conditions; nothing is started.

    Ends with 3 where a document is wrong or a condition says that a part cannot be used. Findings, marked with ?, are
    advice: GPUs or memory that do not fit, defaults that bite.

    Examples:

      modelyard check -f manifests/

      kustomize build overlays/test | modelyard check -f -

      modelyard check -f manifests/ --output json | jq '.errors'
    """
    if not filename:
        fail("say which manifests to check: -f FILE_OR_FOLDER.", ExitCode.USAGE)
    read = read_manifests(*split_pipe(filename))
    if not read.errors and not any(True for _ in read.resource_set):
        fail(f"no manifest in {', '.join(map(str, filename))} (*.yaml, *.yml, *.json).", ExitCode.INVALID)
    snapshot = build_snapshot(read.resource_set, gateway_class=gateway_class)
    rows = _conditions(read, snapshot)
    table = sources_in_force(read.resource_set, given_sources(source))
    advice = findings(read.resource_set, machine_gpus=count_gpus(), sources=table)
    remarks = (*notes(read.resource_set, table), *advice)
    bad = [row for row in rows if row["status"] == "False"]
    if output is Output.JSON:
        print_json(
            {
                "errors": [msgspec.to_builtins(error) | {"text": str(error)} for error in read.errors],
                "problems": list(snapshot.problems),
                "conditions": rows,
                "notUsed": _not_used(read, table),
                "findings": [msgspec.to_builtins(one) for one in remarks],
            }
        )
    else:
        _show(read, snapshot, rows, _not_used(read, table))
        _show_findings(remarks)
    if read.errors or bad or snapshot.problems:
        raise typer.Exit(ExitCode.INVALID)


def _conditions(read: ReadResult, snapshot: Snapshot) -> list[dict[str, Any]]:
    shown = shown_resources(read.resource_set, snapshot.compiled.statuses, "1970-01-01T00:00:00Z")
    rows: list[dict[str, Any]] = []
    for item in shown:
        metadata = item["metadata"]
        name = f"{metadata.get('namespace', 'default')}/{metadata.get('name', '')}"
        for owner, conditions in _owners(item.get("status", {})):
            rows += [
                {
                    "object": f"{item['kind']} {name}",
                    "for": owner,
                    "type": condition["type"],
                    "status": condition["status"],
                    "reason": condition["reason"],
                    "message": condition.get("message", ""),
                }
                for condition in conditions
                if condition["type"] != "Conflicted" or condition["status"] == "True"
            ]
    return rows


def _owners(status: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    """(whom the conditions are for, conditions) of an object's status."""
    found = [("", status.get("conditions", []))]
    found += [(f"listener {part['name']}", part["conditions"]) for part in status.get("listeners", [])]
    for parent in status.get("parents", []):
        found.append((f"parent {parent['parentRef']['name']}", parent["conditions"]))
    return [(owner, conditions) for owner, conditions in found if conditions]


def _not_used(read: ReadResult, sources: SourceTable) -> list[dict[str, str]]:
    jobs = plan_jobs(read.resource_set, ModelSources(table=sources), str(Home.at().root))
    found = [*not_used(read.resource_set), *not_carried_out(jobs)]
    return [{"object": name, "reason": reason} for name, reason in found]


def _show(read: ReadResult, snapshot: Snapshot, rows: list[dict[str, Any]], unused: list[dict[str, str]]) -> None:
    print_errors(read.errors)
    if rows:
        shown = text_table("OBJECT", "FOR", "CONDITION", "REASON", "MESSAGE")
        for row in rows:
            colour = {"True": "green", "False": "red"}.get(row["status"], "yellow")
            if row["type"] == "Conflicted":
                colour = "red"
            message = escape(row["message"]) if colour != "green" else ""
            shown.add_row(
                row["object"],
                row["for"],
                f"[{colour}]{row['type']}={row['status']}[/]",
                row["reason"],
                message,
            )
        console.print(shown)
    for problem in snapshot.problems:
        console.print(f"[yellow]![/] {problem.replace('[', chr(92) + '[')}")
    for item in unused:
        console.print(f"[dim]not used: {item['object']}: {item['reason'].replace('[', chr(92) + '[')}[/]")
    sources = [*(item.origin.source for item in read.resource_set), *(error.source for error in read.errors)]
    files = len(read.files) + ("-" in sources)
    objects = sum(1 for _ in read.resource_set)
    wrong = [_counted(len(read.errors), "error")]
    if snapshot.problems:
        wrong.append(_counted(len(snapshot.problems), "problem"))
    console.print(f"{_counted(objects, 'object')} in {_counted(files, 'file')}, {', '.join(wrong)}")


def _show_findings(remarks: Sequence[Finding]) -> None:
    for one in remarks:
        console.print(f"[yellow]?[/] {escape(one.object)} ({one.check}): {escape(one.message)}")
        if one.advice:
            console.print(f"  [dim]→ {escape(one.advice)}[/]")
    if remarks:
        console.print(f"{_counted(len(remarks), 'finding')}: nothing is wrong by the letter, and it will bite")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
