from __future__ import annotations

import msgspec

from modelyard.local.ray.adjustments import AdjustedServeConfig
from modelyard.local.ray.pod_groups import PodGroup
from modelyard.local.ray.start_flags import start_flags
from modelyard.resources.pods import PodSpec, PodTemplateSpec

from .ray_services import MACHINE

ADJUSTED = AdjustedServeConfig(config={}, settings=(), logical_cpus=16, resources={})


def group(pods: int = 1, **params: str) -> PodGroup:
    return PodGroup(template=PodTemplateSpec(spec=PodSpec(containers=())), params=params, pods=pods)


def flags(*groups: PodGroup, **given: object) -> tuple[tuple[str, ...], dict[str, str]]:
    told: dict[str, str] = {}
    machine = msgspec.structs.replace(MACHINE, **{key: one for key, one in given.items() if key == "has_gpu"})
    adjusted = msgspec.structs.replace(ADJUSTED, **{key: one for key, one in given.items() if key != "has_gpu"})

    def note(setting: str, change: str, reason: str) -> None:
        told[setting] = change

    return start_flags(groups, adjusted, machine, machine.has_gpu, note), told


def test_one_node_brings_what_all_pods_do_and_what_serve_reserves() -> None:
    many = {"num-cpus": "40", "resources": '"{\\"disk\\": 2}"'}
    found, told = flags(group(2, **many), group(1, **{"num-cpus": "1"}), resources={"L4": 1.0})
    assert found == ("--num-cpus=81", "--num-gpus=0", '--resources={"L4": 1.0, "disk": 4.0}')
    assert told["num-cpus"] == "81 (the manifest's Pods bring 81)"
    assert flags(group(), logical_cpus=99)[0][0] == "--num-cpus=99"


def test_kinds_of_accelerators_need_one() -> None:
    kinds = group(resources='"{\\"accelerator_type:L4\\": 1}"')
    assert flags(kinds)[1]["resource accelerator_type:L4"] == "dropped (was 1)"
    assert '--resources={"accelerator_type:L4": 1.0}' in flags(kinds, has_gpu=True)[0]


def test_parameters_of_a_cluster_are_left_out_and_told() -> None:
    found, told = flags(group(**{"metrics-export-port": "8080", "block": "true", "dashboard-host": "0.0.0.0"}))
    assert len(found) == 2
    assert [name for name in told if name.startswith("rayStartParams")] == [
        "rayStartParams.block",
        "rayStartParams.metrics-export-port",
    ]
