"""``modelyard lora``: the adapters of the running yard."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from modelyard.cli.adapter_news import UNDER_WAY
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, age, console, fail, print_json, table
from modelyard.cli.running_yard import HomeOption, ask, running_yard
from modelyard.control.yard_file import YardFile

lora = typer.Typer(help="Show, load and unload the LoRA adapters of the running yard.", no_args_is_help=True)

_POLL = 0.3

DeploymentOption = Annotated[
    str,
    typer.Option(
        "--deployment",
        "-d",
        help="NAME or NAMESPACE/NAME of a Deployment or RayService; needed where there are several.",
    ),
]
WaitOption = Annotated[float, typer.Option("--wait", min=0.0, help="Seconds to wait for it; 0: do not wait.")]


@lora.command("ls")
def list_adapters(home: HomeOption = None, output: OutputOption = Output.TEXT) -> None:
    """Show every adapter on every replica, and why one is not loaded.

    Examples:

      modelyard lora ls

      modelyard lora ls --output json | jq '.adapters[] | select(.loaded | not)'
    """
    shown = ask(running_yard(home), "/api/adapters")
    if output is Output.JSON:
        print_json(shown)
        return
    if shown["adapters"]:
        console.print(adapter_table(shown["adapters"]))
    else:
        console.print("no adapter is wanted on any replica")
    for problem in shown["problems"]:
        console.print(f"[yellow]![/] {escape(problem)}")


@lora.command("load")
def load(
    name: Annotated[str, typer.Argument(help="What clients will ask for.")],
    source: Annotated[
        str,
        typer.Argument(help="A folder, ORG/NAME or ORG/NAME@REVISION of the hub, gs://… or s3://…, or demo://NAME."),
    ],
    deployment: DeploymentOption = "",
    wait: WaitOption = 120.0,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Load an adapter on every replica of a Deployment or RayService, or replace it, while requests are served.

    It stays until the yard ends; to keep it, add it to the ConfigMap or the Yard. Ends with 1 where a replica cannot
    load it.

    Examples:

      modelyard lora load food-review demo://food-review

      modelyard lora load sql-chat ./adapters/sql-chat --deployment vllm-gemma-deployment
    """
    yard = running_yard(home)
    body = {"name": name, "source": _absolute(source), "deployment": deployment}
    accepted = ask(yard, "/api/adapters/load", body)
    rows = _settled(yard, name, wait, lambda row: row["source"] != accepted["source"])
    if not rows and wait:
        fail(f"no replica of {accepted['deployment']} runs", next_step="modelyard ps shows why.")
    _end(rows, name, output, wait, bad=[row for row in rows if not row["loaded"]], done=f"{name} is loaded")


@lora.command("unload")
def unload(
    name: Annotated[str, typer.Argument(help="The adapter.")],
    deployment: DeploymentOption = "",
    wait: WaitOption = 120.0,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Unload an adapter from every replica of a Deployment or RayService; its running requests end first.

    Example:

      modelyard lora unload food-review
    """
    yard = running_yard(home)
    ask(yard, "/api/adapters/unload", {"name": name, "deployment": deployment})
    rows = _settled(yard, name, wait, lambda row: row["loaded"])
    _end(rows, name, output, wait, bad=rows, done=f"{name} is unloaded")


def _settled(yard: YardFile, name: str, seconds: float, old: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The adapter's rows once nothing is under way any more, or the time is over. ``old``: a row that does not show
    the wish yet."""
    end = time.monotonic() + seconds
    while True:
        rows = [row for row in ask(yard, "/api/adapters")["adapters"] if row["adapter"] == name]
        waiting = any(row["reason"] in UNDER_WAY or old(row) for row in rows)
        if not waiting or time.monotonic() >= end:
            return rows
        time.sleep(_POLL)


def _end(
    rows: list[dict[str, Any]], name: str, output: Output, wait: float, *, bad: list[dict[str, Any]], done: str
) -> None:
    if output is Output.JSON:
        print_json({"adapters": rows})
    elif rows:
        console.print(adapter_table(rows))
    if wait == 0:
        return
    if bad:
        fail(f"{name}: {bad[0]['replica']}: {bad[0]['message']}", ExitCode.FAILED)
    if output is Output.TEXT:
        console.print(done)


def adapter_table(rows: list[dict[str, Any]]) -> Any:
    """Every adapter on every replica."""
    shown = table("ADAPTER", "REPLICA", "LOADED", "REASON", "SINCE", "DIGEST", "SOURCE", "MESSAGE")
    now = time.time()
    for row in rows:
        loaded = "[green]yes[/]" if row["loaded"] else "[yellow]no[/]" if row["engine_name"] else "[red]no[/]"
        shown.add_row(
            row["adapter"],
            row["replica"],
            loaded,
            row["reason"],
            age(now - row["since"]),
            row["digest"][:12],
            escape(row["source"]),
            escape(row["message"]),
        )
    return shown


def _absolute(source: str) -> str:
    return str(Path(source).resolve()) if source.startswith(("./", "../")) else source
