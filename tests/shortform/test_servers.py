from __future__ import annotations

from typing import Any

import pytest

from modelyard.local.plan import plan_deployments
from modelyard.local.plan_context import PlanContext
from modelyard.local.replica_plan import EngineProgram, Machine
from modelyard.resources.resource_set import ResourceSet
from modelyard.shortform.expansion import expanded
from modelyard.shortform.servers import VLLM_IMAGE, servers
from modelyard.shortform.target import Manifest, Setting, Target

from .yards import FOLDER, yard

ADAPTERS = [{"name": "food", "source": "org/food"}, {"name": "sql", "source": "./sql"}]


def made(target: Target = Target.LOCAL, **model: Any) -> list[Manifest]:
    written = yard(models=[{"name": "m", "source": "org/m"} | model])
    return list(servers(Setting(yard=written, target=target, folder=FOLDER)))


def container(target: Target = Target.LOCAL, **model: Any) -> Manifest:
    found: Manifest = made(target, **model)[0]["spec"]["template"]["spec"]["containers"][0]
    return found


def test_a_model_of_the_hub_is_left_to_vllm():
    server = container()
    assert server["image"] == VLLM_IMAGE
    assert server["args"] == ["--model=org/m", "--served-model-name=m", "--port=8000"]
    (token,) = server["env"]
    assert token["valueFrom"]["secretKeyRef"] == {"name": "hf-token", "key": "token", "optional": True}


def test_adapters_come_from_a_config_map_on_this_machine_too():
    server = container(adapters=ADAPTERS)
    assert server["args"][3:] == ["--max-loras=4", "--max-cpu-loras=16", "--enable-lora"]
    assert {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"} in server["env"]
    deployment, config = made(Target.LOCAL, adapters=ADAPTERS)
    (syncer,) = deployment["spec"]["template"]["spec"]["initContainers"]
    assert syncer["name"] == "lora-adapter-syncer"
    assert "source: org/food" in config["data"]["configmap.yaml"]
    one_more = made(Target.LOCAL, adapters=[*ADAPTERS, {"name": "third", "source": "org/third"}])[0]
    assert one_more == deployment, "an adapter more restarts nothing"


def test_own_arguments_win():
    arguments = container(adapters=ADAPTERS, gpus=2, args=["--max_loras", "8", "--tensor-parallel-size=1"])["args"]
    assert [word for word in arguments if word.startswith(("--max", "--tensor"))] == [
        "--max_loras",
        "--tensor-parallel-size=1",
    ]


def test_several_gpus_share_the_model():
    server = container(gpus=4)
    assert "--tensor-parallel-size=4" in server["args"]
    assert server["resources"] == {"limits": {"nvidia.com/gpu": "4"}}
    assert "resources" not in container(gpus=0)


def test_an_argument_is_no_reference_to_a_variable():
    assert container(args=["--x=$(HOME)"])["args"][-1] == "--x=$$(HOME)"


def test_a_cluster_gets_the_syncer_with_its_config_map_and_a_service():
    deployment, service, config = made(Target.KUBERNETES, adapters=ADAPTERS, replicas=3)
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 3
    assert [item["name"] for item in pod["initContainers"]] == ["lora-adapter-syncer"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    assert pod["enableServiceLinks"] is False
    (server,) = pod["containers"]
    assert {"name": "VLLM_ALLOW_RUNTIME_LORA_UPDATING", "value": "true"} in server["env"]
    assert "--lora-modules" not in server["args"]
    assert {item["name"] for item in pod["volumes"]} == {"weights", "shm", "lora-config"}
    assert service["spec"] == {
        "selector": {"app": "m"},
        "ports": [{"name": "http", "port": 8000, "targetPort": "http"}],
    }
    assert config["metadata"]["name"] == "m-adapters"


def test_here_a_server_is_given_the_folders_themselves():
    adapters = [{"name": "food", "source": "demo://food-review"}, {"name": "sql", "source": "./sql"}]
    written = yard(models=[{"name": "m", "source": "../models/m", "adapters": adapters}])
    resources, _ = ResourceSet.of(expanded(written, FOLDER).objects)
    machine = Machine(has_gpu=True, cores=2, memory_bytes=1 << 33, node_name="here", loopback_range=True)
    context = PlanContext(home="/home", machine=machine, engine=EngineProgram(kind="vllm", command=("vllm",)))
    (plan,) = plan_deployments(resources, context)
    assert (plan.problem, plan.skipped) == ("", ())
    (replica,) = plan.replicas
    assert "--model=/srv/models/m" in replica.argv
    assert [item.source for item in replica.weights] == ["/srv/models/m"]
    assert (replica.origins["/models"], replica.paths["/weights/sql"]) == ("demo://", "/srv/yard/sql")


@pytest.mark.parametrize("source", ["org/m@v1", "gs://bkt/a/b", "gs://bkt", "s3://bkt/a", "demo://demo-llama"])
def test_here_every_kind_of_source_is_fetched(source):
    resources, _ = ResourceSet.of(expanded(yard(models=[{"name": "m", "source": source}]), FOLDER).objects)
    machine = Machine(has_gpu=True, cores=2, memory_bytes=1 << 33, node_name="here", loopback_range=True)
    context = PlanContext(home="/home", machine=machine, engine=EngineProgram(kind="vllm", command=("vllm",)))
    (plan,) = plan_deployments(resources, context)
    assert plan.problem == ""
    assert [item.source for item in plan.replicas[0].weights] == [source]
    assert "--served-model-name=m" in " ".join(plan.replicas[0].argv).replace("name m", "name=m")


def test_a_revision_is_two_arguments_on_a_cluster():
    args = container(Target.KUBERNETES, source="org/m@v1")["args"]
    assert args[:2] == ["--model=org/m", "--served-model-name=m"]
    assert {"--revision=v1", "--tokenizer-revision=v1"} <= set(args)
