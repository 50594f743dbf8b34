"""``modelyard rollout status`` of a RayService: its conditions, which are KubeRay's."""

from __future__ import annotations

import time
from typing import Any

from modelyard.cli.output import Output, console, fail, print_json
from modelyard.cli.ray_services import ray_table, shown_ray_services
from modelyard.cli.running_yard import ask
from modelyard.control.yard_file import YardFile

_POLL_SECONDS = 0.5


def is_ray_service(yard: YardFile, named: tuple[str, str]) -> bool:
    """Whether the manifests have a RayService of this name."""
    return _found(yard, named) is not None


def show_ray_service(yard: YardFile, named: tuple[str, str], wait: bool, timeout: float, output: Output) -> None:
    """Show it, when it is settled where ``wait``; ends with an error where that takes longer than ``timeout`` (0: no
    limit)."""
    end = time.monotonic() + timeout if timeout > 0 else None
    while True:
        found = _found(yard, named)
        late = end is not None and time.monotonic() >= end
        if found is None or late or not wait or is_settled(found["status"]):
            break
        time.sleep(_POLL_SECONDS)
    if found is None:
        fail(f"RayService {'/'.join(named)} is no longer in the manifests.")
    if output is Output.JSON:
        print_json({"kind": "RayService", **found})
    else:
        console.print(ray_table([found]))
    if wait and not is_settled(found["status"]):
        fail(f"not done within {timeout:g} s; it goes on (modelyard rollout status rayservice/{named[1]} --wait)")


def is_settled(status: dict[str, Any]) -> bool:
    """Ready, and no cluster beside the one that serves; or suspended."""
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    ready, upgrade = conditions.get("Ready", {}), conditions.get("UpgradeInProgress", {})
    suspended = ready.get("reason") == "SuspendComplete"
    return bool(suspended or (ready.get("status") == "True" and upgrade.get("status") != "True"))


def _found(yard: YardFile, named: tuple[str, str]) -> dict[str, Any] | None:
    name = "/".join(named)
    shown = shown_ray_services(ask(yard, "/api/resources?kind=RayService")["items"])
    return next((one for one in shown if one["name"] == name), None)
