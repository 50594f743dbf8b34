from __future__ import annotations

import itertools

from modelyard.local.ray.head_command import (
    LONGEST_TEMPORARY,
    HeadPorts,
    head_command,
    temporary_directory,
)
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.temporary_folders import temporary_root

from .ray_services import CONTEXT, manifest, resources


def test_only_the_dashboard_leaves_127_0_0_1():
    (plan,) = plan_ray_services(resources(manifest()), CONTEXT)
    assert plan.cluster is not None
    numbers = itertools.count(20001)
    ports = HeadPorts.of(lambda count: [next(numbers) for _ in range(count)])
    command = head_command(plan.cluster, ports, "/t", 8265)
    assert command[0] == "/engine/bin/python"
    assert "--node-ip-address=127.0.0.1" in command
    assert f"--dashboard-host={plan.cluster.address}" in command
    assert f"--metrics-export-port={ports.metrics}" in command
    assert len({ports.gcs, ports.client, ports.metrics, ports.agent, ports.dashboard_metrics}) == 5


def test_the_temporary_directory_is_short_enough_for_sockets():
    assert temporary_directory("/home/ann/.modelyard/ray/hello-12345") == "/home/ann/.modelyard/ray/hello-12345/t"
    clusters = "/home/somebody/with/a/long/path/.modelyard/ray"
    long = temporary_directory(f"{clusters}/hello-12345")
    assert len(long) <= LONGEST_TEMPORARY
    assert long.startswith(temporary_root(clusters) + "/")
    assert long != temporary_directory(f"{clusters}/hello-54321")
