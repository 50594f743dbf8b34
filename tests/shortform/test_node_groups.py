from __future__ import annotations

from typing import Any

import pytest

from modelyard.local.plan import plan_deployments
from modelyard.local.plan_context import PlanContext
from modelyard.local.replica_plan import EngineProgram, Machine
from modelyard.resources.resource_set import ResourceSet
from modelyard.shortform.expansion import expanded
from modelyard.shortform.servers import servers
from modelyard.shortform.target import Manifest, Setting, Target

from .yards import FOLDER, yard

ADAPTERS = [{"name": "food", "source": "demo://food-review"}]
LLAMA = {"name": "m", "source": "gs://bkt/m", "gpus": 4, "nodes": 2}


def made(target: Target = Target.KUBERNETES, **model: Any) -> list[Manifest]:
    return list(servers(Setting(yard=yard(models=[LLAMA | model]), target=target, folder=FOLDER)))


def templates(**model: Any) -> tuple[Manifest, Manifest]:
    groups = made(**model)[0]
    assert groups["kind"] == "LeaderWorkerSet"
    group = groups["spec"]["leaderWorkerTemplate"]
    return group["leaderTemplate"], group["workerTemplate"]


def container(template: Manifest) -> Manifest:
    (found,) = template["spec"]["containers"]
    return dict(found)


def test_a_replica_is_a_group_of_as_many_pods_as_nodes():
    groups = made(replicas=3)[0]["spec"]
    assert (groups["replicas"], groups["leaderWorkerTemplate"]["size"]) == (3, 2)
    for template in templates():
        assert container(template)["resources"] == {"limits": {"nvidia.com/gpu": "4"}}
        assert {"--tensor-parallel-size=4", "--nnodes=$(LWS_GROUP_SIZE)"} <= set(container(template)["args"])


def test_only_leaders_are_selected():
    leader, worker = (template["metadata"]["labels"] for template in templates())
    service = made()[1]
    assert service["metadata"]["name"] == "m-leader", "the controller's own Service has the set's name"
    assert service["spec"]["selector"].items() <= leader.items()
    assert not service["spec"]["selector"].items() & worker.items()


def test_workers_do_the_same_without_an_api():
    leader, worker = map(container, templates(adapters=ADAPTERS))
    assert worker["args"] == [*leader["args"], "--headless"]
    assert set(leader) - set(worker) == {"ports", "lifecycle", "startupProbe", "readinessProbe", "livenessProbe"}
    assert worker["volumeMounts"] == leader["volumeMounts"]


def test_adapters_are_loaded_through_the_leader_and_read_by_all():
    leader, worker = (template["spec"] for template in templates(adapters=ADAPTERS))
    assert [one["name"] for one in leader["initContainers"]] == ["lora-adapter-syncer"]
    assert "initContainers" not in worker
    volumes = [{one["name"] for one in pod["volumes"]} for pod in (leader, worker)]
    assert volumes == [{"models", "weights-m", "shm", "lora-config"}, {"models", "weights-m", "shm"}]


def test_buckets_are_mounted_on_every_node_and_nodes_are_selected():
    selector = {"cloud.google.com/gke-accelerator": "nvidia-l4"}
    for template in templates(nodeSelector=selector):
        assert template["metadata"]["annotations"] == {"gke-gcsfuse/volumes": "true"}
        assert template["spec"]["nodeSelector"] == selector


def test_own_arguments_win():
    arguments = container(templates(args=["--pipeline_parallel_size=1", "--x=$(HOME)"])[0])["args"]
    assert [word for word in arguments if "pipeline" in word] == ["--pipeline_parallel_size=1"]
    assert arguments[-1] == "--x=$$(HOME)"


@pytest.mark.parametrize("has_gpu", [True, False])
def test_here_it_is_one_process_and_sizes_without_gpus_are_dropped_and_shown(has_gpu):
    loaded = expanded(yard(models=[LLAMA | {"source": "org/m", "nodeSelector": {"a": "b"}}]), FOLDER)
    resources, _ = ResourceSet.of(loaded.objects)
    machine = Machine(has_gpu=has_gpu, cores=2, memory_bytes=1 << 33, node_name="here", loopback_range=True)
    context = PlanContext(home="/home", machine=machine, engine=EngineProgram(kind="vllm", command=("vllm",)))
    (plan,) = plan_deployments(resources, context)
    (replica,) = plan.replicas
    kept = {"--tensor-parallel-size=4", "--pipeline-parallel-size=2"} & set(replica.argv)
    dropped = {one.setting: one.change for one in replica.settings if one.setting.endswith("parallel-size")}
    if has_gpu:
        assert (len(kept), dropped) == (2, {})
    else:
        sizes = {"--tensor-parallel-size": "dropped (was 4)", "--pipeline-parallel-size": "dropped (was 2)"}
        assert (kept, dropped) == (set(), sizes)
