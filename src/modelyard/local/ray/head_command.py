"""The command line of one Ray head, and where its sockets lie."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from modelyard.local.ray.ray_plan import RayClusterPlan
from modelyard.local.ray.ray_settings import NODE_ADDRESS, OBJECT_STORE_BYTES
from modelyard.local.temporary_folders import temporary_folder

LONGEST_TEMPORARY = 44
"""Ray puts sockets some 60 characters below its temporary directory, and a socket's path holds 107."""


class HeadPorts(msgspec.Struct, frozen=True, kw_only=True):
    """Ports of 127.0.0.1 of one run of a head."""

    gcs: int
    client: int
    metrics: int
    agent: int
    dashboard_metrics: int

    @classmethod
    def of(cls, free: Callable[[int], list[int]]) -> HeadPorts:
        """Raises OSError where there are none."""
        return cls(**dict(zip(cls.__struct_fields__, free(len(cls.__struct_fields__)), strict=True)))


def head_command(plan: RayClusterPlan, ports: HeadPorts, temporary: str, dashboard_port: int) -> tuple[str, ...]:
    """``ray start`` for the head, in the foreground, with everything on one output."""
    return (
        *(plan.python, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"),
        f"--node-ip-address={NODE_ADDRESS}",
        f"--port={ports.gcs}",
        f"--ray-client-server-port={ports.client}",
        f"--metrics-export-port={ports.metrics}",
        f"--dashboard-agent-listen-port={ports.agent}",
        f"--dashboard-host={plan.address}",
        f"--dashboard-port={dashboard_port}",
        "--min-worker-port=0",
        "--max-worker-port=0",
        f"--object-store-memory={OBJECT_STORE_BYTES}",
        f"--temp-dir={temporary}",
        "--include-log-monitor=false",
        "--no-monitor",
        "--no-redirect-output",
        *plan.flags,
    )


def temporary_directory(directory: str) -> str:
    """Ray's temporary directory for the cluster whose own is ``directory``."""
    return temporary_folder(directory, LONGEST_TEMPORARY, "t")
