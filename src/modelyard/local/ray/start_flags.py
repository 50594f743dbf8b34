"""Arguments of ``ray start`` that say what the one node of a cluster has: CPUs, GPUs, custom resources. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence

from modelyard.local.ray.adjustments import AdjustedServeConfig
from modelyard.local.ray.pod_groups import PodGroup
from modelyard.local.ray.ray_settings import LEAST_LOGICAL_CPUS
from modelyard.local.replica_plan import Machine

Note = Callable[[str, str, str], None]
"""Hears (setting, change, reason) of each difference from the manifest."""
_USED = ("num-cpus", "num-gpus", "resources", "dashboard-host")
"""Of ``rayStartParams``: those that are read, or that Modelyard sets by itself."""


def start_flags(
    groups: Sequence[PodGroup], adjusted: AdjustedServeConfig, machine: Machine, has_gpus: bool, note: Note
) -> tuple[str, ...]:
    """The node that stands for all Pods of ``groups``. ``has_gpus``: whether this cluster has GPUs of its own."""
    asked = math.ceil(sum(group.cpus * group.pods for group in groups))
    cpus = max(LEAST_LOGICAL_CPUS, asked, machine.cores, adjusted.logical_cpus)
    reason = f"a number for Ray's bookkeeping; this machine has {machine.cores} cores"
    note("num-cpus", f"{cpus} (the manifest's Pods bring {asked})", reason)
    flags = [f"--num-cpus={cpus}"]
    if not has_gpus:
        flags.append("--num-gpus=0")
    custom = {**_custom_resources(groups, machine, note), **adjusted.resources}
    if custom:
        flags.append(f"--resources={json.dumps(custom, sort_keys=True)}")
    for name in sorted({name for group in groups for name in group.params if name not in _USED}):
        note(f"rayStartParams.{name}", "left out", "it describes the image or the network of a cluster")
    return tuple(flags)


def _custom_resources(groups: Iterable[PodGroup], machine: Machine, note: Note) -> dict[str, float]:
    """Of all groups together. Those that name an accelerator need one."""
    total: dict[str, float] = {}
    for group in groups:
        for name, amount in group.custom_resources.items():
            total[name] = total.get(name, 0.0) + amount * group.pods
    if not machine.has_gpu:
        for name in [name for name in total if name.startswith("accelerator_type:")]:
            note(f"resource {name}", f"dropped (was {total.pop(name):g})", "there is no GPU")
    return total
