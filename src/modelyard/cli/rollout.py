"""``modelyard rollout``: how far Deployments are, restart, undo, history."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, errors, fail, print_json, table
from modelyard.cli.ray_rollout import is_ray_service, show_ray_service
from modelyard.cli.running_yard import HomeOption, ask, running_yard
from modelyard.control.yard_file import YardFile

rollout = typer.Typer(
    help="Replace the replicas of a Deployment one after another, see how far that is, go back.", no_args_is_help=True
)

DeploymentArgument = Annotated[
    str, typer.Argument(metavar="DEPLOYMENT", help="NAME, NAMESPACE/NAME, or deployment/NAME.", show_default=False)
]
NamespaceOption = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of a plain NAME.")]
WaitOption = Annotated[bool, typer.Option("--wait", help="Return when it is done; ends with 1 where it fails.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", help="Longest wait in seconds; 0: no limit.")]

_PREFIXES = ("deployment/", "deployments/", "deploy/", "deployment.apps/")
_RAY_PREFIXES = ("rayservice/", "rayservices/", "rayservice.ray.io/", "rayservices.ray.io/")
_POLL_SECONDS = 0.2
EVERY = "every Deployment"


@rollout.command()
def restart(
    deployment: DeploymentArgument,
    namespace: NamespaceOption = "default",
    wait: WaitOption = False,
    timeout: TimeoutOption = 0.0,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Replace every replica, as an update would: maxSurge and maxUnavailable hold, and no request is lost.

    Examples:

      modelyard rollout restart demo-llama --wait

      modelyard rollout restart deployment/demo-llama -n models --wait --timeout 600 --output json
    """
    _command(home, named_deployment(deployment, namespace), "restart", {}, wait, timeout, output)


@rollout.command()
def undo(
    deployment: DeploymentArgument,
    to_revision: Annotated[int, typer.Option("--to-revision", min=0, help="A revision; 0: the one before.")] = 0,
    namespace: NamespaceOption = "default",
    wait: WaitOption = False,
    timeout: TimeoutOption = 0.0,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Go back to an earlier Pod template.

    The manifest is not written. The Deployment stays with the earlier template until the template in the manifest is
    edited again; until then `rollout status` and `ps` say so.

    Examples:

      modelyard rollout undo demo-llama --wait

      modelyard rollout undo demo-llama --to-revision 3
    """
    body = {"toRevision": to_revision}
    _command(home, named_deployment(deployment, namespace), "undo", body, wait, timeout, output)


@rollout.command()
def status(
    deployment: Annotated[
        str | None, typer.Argument(metavar="[DEPLOYMENT]", help=f"As for restart; default: {EVERY}.")
    ] = None,
    namespace: NamespaceOption = "default",
    wait: WaitOption = False,
    timeout: TimeoutOption = 0.0,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show how far updates are, with the conditions that Kubernetes has; of a RayService, those of KubeRay.

    Examples:

      modelyard rollout status

      modelyard rollout status rayservice/gemma --wait

      modelyard rollout status demo-llama --wait --timeout 300
    """
    yard = running_yard(home)
    named = None if deployment is None else named_deployment(deployment, namespace)
    if named is not None and deployment is not None and _means_ray(yard, deployment, named):
        show_ray_service(yard, named, wait, timeout, output)
        return
    rows = _wait(yard, named, timeout, output) if wait else _rollouts(yard, named)
    _show(rows, output, single=named is not None)


@rollout.command()
def history(
    deployment: DeploymentArgument,
    namespace: NamespaceOption = "default",
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show the Pod templates that `rollout undo` can go back to.

    Examples:

      modelyard rollout history demo-llama

      modelyard rollout history demo-llama --output json | jq '.revisions[-1].args'
    """
    where, name = named_deployment(deployment, namespace)
    found = ask(running_yard(home), f"/api/rollouts/{where}/{name}/history")
    if output is Output.JSON:
        print_json(found)
        return
    rows = table("REVISION", "CREATED", "IN FORCE", "CHANGE-CAUSE", "ARGS")
    for row in found["revisions"]:
        args = escape("; ".join(text for text in row["args"] if text))
        rows.add_row(
            str(row["revision"]), row["created"], "yes" if row["inForce"] else "", row["changeCause"] or "-", args
        )
    console.print(rows)


def named_deployment(text: str, namespace: str) -> tuple[str, str]:
    """Namespace and name."""
    for prefix in (*_PREFIXES, *_RAY_PREFIXES):
        text = text.removeprefix(prefix)
    where, slash, name = text.rpartition("/")
    found = (where, name) if slash else (namespace, text)
    if not all(part and "/" not in part for part in found):
        fail(f"{text!r} names no Deployment: give NAME or NAMESPACE/NAME.", ExitCode.USAGE)
    return found


def _means_ray(yard: YardFile, text: str, named: tuple[str, str]) -> bool:
    """Said by a prefix, or by the only object of this name."""
    if text.startswith(_PREFIXES) or not is_ray_service(yard, named):
        return False
    return text.startswith(_RAY_PREFIXES) or named not in [_name(row) for row in ask(yard, "/api/rollouts")["rollouts"]]


def _name(row: dict[str, Any]) -> tuple[str, str]:
    return (row["namespace"], row["name"])


def _command(
    home: Path | None,
    named: tuple[str, str],
    action: str,
    body: dict[str, Any],
    wait: bool,
    timeout: float,
    output: Output,
) -> None:
    yard = running_yard(home)
    row = ask(yard, f"/api/rollouts/{named[0]}/{named[1]}/{action}", body)
    rows = _wait(yard, named, timeout, output) if wait else [row]
    _show(rows, output, single=True)


def _rollouts(yard: YardFile, named: tuple[str, str] | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = ask(yard, "/api/rollouts")["rollouts"]
    if named is None:
        return rows
    found = [row for row in rows if (row["namespace"], row["name"]) == named]
    if not found:
        there = ", ".join(f"{row['namespace']}/{row['name']}" for row in rows) or "none"
        fail(f"no Deployment {'/'.join(named)} runs here; there are: {there}")
    return found


def _wait(yard: YardFile, named: tuple[str, str] | None, timeout: float, output: Output) -> list[dict[str, Any]]:
    """Poll until all are complete; ends with an error where one fails, or time is over."""
    end = time.monotonic() + timeout if timeout > 0 else None
    said: dict[str, str] = {}
    while True:
        rows = _rollouts(yard, named)
        for row in rows:
            _say_progress(row, said, output)
        failed = [row for row in rows if progressing(row)["status"] == "False"]
        if failed or all(row["complete"] for row in rows):
            break
        if end is not None and time.monotonic() >= end:
            _show(rows, output, single=named is not None)
            fail(f"not done within {timeout:g} s; it goes on (modelyard rollout status --wait)")
        time.sleep(_POLL_SECONDS)
    if failed:
        _show(rows, output, single=named is not None)
        fail(
            f"Deployment {failed[0]['namespace']}/{failed[0]['name']}: {progressing(failed[0])['message']}",
            next_step=f"Correct the manifest, or go back: modelyard rollout undo {failed[0]['name']}",
        )
    return rows


def _say_progress(row: dict[str, Any], said: dict[str, str], output: Output) -> None:
    message = f"{row['namespace']}/{row['name']}: {progressing(row)['message']}"
    if row["note"] and row["note"] not in said.values():
        said[f"{row['name']} note"] = row["note"]
        message = f"{message} ({row['note']})"
    if output is Output.TEXT and said.get(row["name"]) != progressing(row)["message"]:
        said[row["name"]] = progressing(row)["message"]
        errors.print(escape(message))


def progressing(row: dict[str, Any]) -> dict[str, Any]:
    """The condition of that name."""
    found: dict[str, Any] = next(one for one in row["conditions"] if one["type"] == "Progressing")
    return found


def rollout_table(rows: list[dict[str, Any]]) -> Any:
    """One line for each Deployment."""
    shown = table("DEPLOYMENT", "READY", "UPDATED", "AVAILABLE", "REVISION", "PROGRESS", "MESSAGE")
    for row in rows:
        condition = progressing(row)
        bad = condition["status"] == "False"
        message = "" if row["complete"] else condition["message"]
        pinned = f"pinned to revision {row['pinnedTo']} by undo; the manifest says otherwise" if row["pinnedTo"] else ""
        shown.add_row(
            f"{row['namespace']}/{row['name']}",
            f"{row['readyReplicas']}/{row['desiredReplicas']}",
            str(row["updatedReplicas"]),
            str(row["availableReplicas"]),
            str(row["revision"]),
            f"[red]{condition['reason']}[/]" if bad else condition["reason"],
            escape("; ".join(part for part in (message, pinned, row["note"]) if part)),
        )
    return shown


def _show(rows: list[dict[str, Any]], output: Output, *, single: bool) -> None:
    if output is Output.JSON:
        print_json(rows[0] if single else {"rollouts": rows})
    else:
        console.print(rollout_table(rows))
