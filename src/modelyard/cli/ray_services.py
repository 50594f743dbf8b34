"""RayServices as ``modelyard ps`` shows them: their conditions, and the state of each application."""

from __future__ import annotations

from typing import Any

from modelyard.cli.output import table


def shown_ray_services(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Name and status of each, from the objects of the admin API; variants of one name have one status."""
    statuses = {
        f"{item['metadata'].get('namespace', 'default')}/{item['metadata']['name']}": item.get("status") or {}
        for item in items
    }
    return [{"name": name, "status": status} for name, status in statuses.items()]


def ray_table(services: list[dict[str, Any]]) -> Any:
    """One row for each."""
    rows = table("RAY SERVICE", "READY", "UPGRADE", "CLUSTER", "APPLICATIONS", "MESSAGE")
    for service in services:
        status = service["status"]
        conditions = {one["type"]: one for one in status.get("conditions", ())}
        ready = conditions.get("Ready", {})
        rows.add_row(
            service["name"],
            f"{'yes' if ready.get('status') == 'True' else 'no'} ({ready.get('reason', 'not started')})",
            conditions.get("UpgradeInProgress", {}).get("reason", "-"),
            _clusters(status),
            _applications(status),
            "" if ready.get("status") == "True" and ";" not in ready.get("message", "") else ready.get("message", ""),
        )
    return rows


def _clusters(status: dict[str, Any]) -> str:
    """The one that serves, and the one that is prepared."""
    names = [status.get(part, {}).get("rayClusterName", "") for part in ("activeServiceStatus", "pendingServiceStatus")]
    active, pending = names
    return f"{active or '-'} -> {pending}" if pending else active or "-"


def _applications(status: dict[str, Any]) -> str:
    cluster = status.get("activeServiceStatus") or status.get("pendingServiceStatus") or {}
    states = cluster.get("applicationStatuses", {})
    return ", ".join(f"{name} {one['status']}" for name, one in states.items())
