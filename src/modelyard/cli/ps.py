"""``modelyard ps``: what runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from modelyard.cli.lora import adapter_table
from modelyard.cli.output import Output, OutputOption, age, console, print_json, table, warn
from modelyard.cli.ray_services import ray_table, shown_ray_services
from modelyard.cli.rollout import rollout_table
from modelyard.cli.running_yard import HomeOption, ask, running_yard


def ps(home: HomeOption = None, output: OutputOption = Output.TEXT) -> None:
    """Show the gateways, replicas and endpoints of the running yard.

    Examples:

      modelyard ps

      modelyard ps --output json | jq '.replicas[].address'
    """
    _ps(home, output)


def _ps(home: Path | None, output: Output) -> None:
    yard = running_yard(home)
    summary = ask(yard, "/api/summary")
    replicas = ask(yard, "/api/replicas")["replicas"]
    fleet = ask(yard, "/api/fleet")
    rollouts = ask(yard, "/api/rollouts")["rollouts"]
    adapters = ask(yard, "/api/adapters")
    ray_services = shown_ray_services(ask(yard, "/api/resources?kind=RayService")["items"])
    if output is Output.JSON:
        print_json(
            {
                "summary": summary,
                "replicas": replicas,
                "fleet": fleet,
                "rollouts": rollouts,
                "adapters": adapters["adapters"],
                "adapterProblems": adapters["problems"],
                "rayServices": ray_services,
            }
        )
        return
    for gateway in summary["gateways"]:
        console.print(f"[bold]{gateway['name']}[/]  {', '.join(gateway['addresses'])}")
    if summary["errors"]:
        console.print(f"[red]{len(summary['errors'])} manifest errors; an older set is served[/] (modelyard check)")
    if ray_services:
        console.print()
        console.print(ray_table(ray_services))
    if rollouts:
        console.print()
        console.print(rollout_table(rollouts))
    if replicas:
        console.print()
        console.print(_replica_table(replicas))
    if summary.get("jobs"):
        console.print()
        console.print(_job_table(summary["jobs"]))
    if adapters["adapters"]:
        console.print()
        console.print(adapter_table(adapters["adapters"]))
    for problem in adapters["problems"]:
        warn(problem)
    console.print()
    console.print(_endpoint_table(fleet))
    for backend in fleet["backends"]:
        for adapter in backend["loading"]:
            console.print(_loading_line(backend["name"], adapter))


def _loading_line(backend: str, adapter: dict[str, Any]) -> str:
    where = ", ".join(adapter["endpoints"]) or "no endpoint"
    waiting = f"; {adapter['waitingRequests']} requests wait for it" if adapter["waitingRequests"] else ""
    return f"[yellow]{backend}: adapter {adapter['adapter']} is not loaded yet, expected on {where}{waiting}[/]"


def _replica_table(replicas: list[dict[str, Any]]) -> Any:
    rows = table("REPLICA", "PHASE", "READY", "ADDRESS", "RESTARTS", "SINCE", "MESSAGE")
    now = time.time()
    for replica in replicas:
        rows.add_row(
            f"{replica['namespace']}/{replica['name']}",
            replica["phase"],
            "yes" if replica["ready"] else "no",
            replica["address"],
            str(replica["restarts"]),
            age(now - replica["since"]),
            replica["message"],
        )
    return rows


def _job_table(jobs: list[dict[str, Any]]) -> Any:
    rows = table("JOB", "PHASE", "FAILED", "SINCE", "MESSAGE")
    now = time.time()
    for job in jobs:
        rows.add_row(
            f"{job['namespace']}/{job['name']}",
            f"{job['phase']} ({job['reason']})" if job["reason"] else job["phase"],
            str(job["failed"]),
            age(now - (job["ended"] or job["started"])),
            job["message"],
        )
    return rows


def _endpoint_table(fleet: dict[str, Any]) -> Any:
    rows = table("BACKEND", "ENDPOINT", "ENGINE", "READY", "RUNNING", "WAITING", "KV", "MODELS")
    for backend in fleet["backends"]:
        for endpoint in backend["endpoints"]:
            load = endpoint["load"] or {}
            rows.add_row(
                backend["name"],
                endpoint["address"],
                endpoint["engine"] or "?",
                "yes" if endpoint["ready"] else f"no ({endpoint['reason']})",
                str(load.get("running", "-")),
                str(load.get("waiting", "-")),
                f"{load['kvUsage']:.0%}" if "kvUsage" in load else "-",
                ", ".join(endpoint["models"] or ()),
            )
    return rows
