from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from modelyard.local.model_files import ModelSources
from modelyard.local.ray.planning import plan_ray_services
from modelyard.local.ray.ray_plan import RayServicePlan
from modelyard.resources.source_table import source_table

from .ray_services import CONTEXT, MACHINE, WORKERS, manifest, resources

LLM = """
applications:
- name: llm
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
    - model_loading_config: {model_id: gemma, model_source: google/gemma-2b-it}
      accelerator_type: L4
"""

ONE_MODEL = ModelSources(
    table=source_table([("google/gemma-2b-it", "demo://demo-llama")]),
    path_of=lambda text: Path("/weights") / text.removeprefix("demo://"),
)


def planned(text: str, **changes: object) -> RayServicePlan:
    (plan,) = plan_ray_services(resources(text), msgspec.structs.replace(CONTEXT, **changes))
    return plan


def changes(plan: RayServicePlan) -> dict[str, str]:
    return {setting.setting: setting.change for setting in plan.settings}


def test_a_service_becomes_one_cluster_at_an_address_of_its_own():
    plan = planned(manifest())
    assert plan.cluster is not None
    assert plan.cluster.name == f"hello-{plan.spec_hash.short}"
    assert plan.cluster.address.startswith("127.9.")
    assert [(port.container, port.local) for port in plan.cluster.ports] == [(8000, 8000), (8265, 8265)]
    assert plan.serve_config["applications"][0]["args"] == {"text": "one"}
    assert "--num-gpus=0" in plan.cluster.flags


def test_all_groups_together_are_one_node():
    plan = planned(manifest(cluster=WORKERS))
    assert plan.cluster is not None
    assert plan.labels | {"app": "hello", "tier": "worker", "modelyard.dev/ray-service": "hello"} == plan.labels
    assert plan.cluster.env["COLOUR"] == "green"
    assert '--resources={"disk": 2.0}' in plan.cluster.flags
    assert "one node instead of 3 Pods" in changes(plan)["rayClusterConfig"]
    assert changes(plan)["resource accelerator_type:L4"] == "dropped (was 4)"
    assert changes(plan)["rayStartParams.block"] == "left out"
    assert [part.name for part in plan.skipped] == ["fetch"]


def test_what_would_open_the_machine_is_overruled():
    plan = planned(manifest(cluster=WORKERS))
    assert plan.cluster is not None
    assert plan.cluster.env["RAY_AUTH_MODE"] == "token"
    assert plan.cluster.env["RAY_SERVE_ENABLE_HA_PROXY"] == "0"
    assert changes(plan)["env RAY_SERVE_ENABLE_HA_PROXY"] == "0 (was 1)"


def test_a_secret_that_is_in_no_manifest_is_left_out_and_said():
    assert changes(planned(manifest(cluster=WORKERS)))["env HUGGING_FACE_HUB_TOKEN"] == "left out"
    from_here = planned(manifest(cluster=WORKERS), environment=frozenset({"HUGGING_FACE_HUB_TOKEN"}))
    assert changes(from_here)["env HUGGING_FACE_HUB_TOKEN"] == "taken from this machine's environment"


def test_models_are_taken_from_their_sources():
    plan = planned(manifest(LLM), models=ONE_MODEL)
    assert not plan.problem
    assert plan.sources == {"demo://demo-llama": "/weights/demo-llama"}
    model = plan.serve_config["applications"][0]["args"]["llm_configs"][0]
    assert model["model_loading_config"]["model_source"] == "/weights/demo-llama"
    assert model["accelerator_config"] == {"kind": "cpu"}


def test_a_model_in_the_image_is_a_problem_that_says_what_to_add():
    plan = planned(manifest(LLM.replace("google/gemma-2b-it", "gemma://x")))
    assert "--source" in plan.problem
    assert plan.cluster is None


@pytest.mark.parametrize(
    ("given", "missing", "said"),
    [
        ({"engine_problem": "no Ray"}, "", "no Ray"),
        ({"has_vllm": False}, LLM, "vLLM"),
    ],
)
def test_what_is_missing_is_said(given: dict[str, object], missing: str, said: str):
    plan = planned(manifest(missing) if missing else manifest(), **given)
    assert said in plan.problem
    assert plan.cluster is None


def test_a_local_working_directory_begins_beside_the_manifest():
    config = """
applications:
- name: a
  import_path: app:build
  runtime_env: {working_dir: ./code}
"""
    plan = planned(manifest(config), folder_of=lambda service: "/manifests")
    assert plan.working_dirs == {"./code": "/manifests/code"}


def test_running_clusters_keep_their_addresses_and_two_services_never_share_one():
    both = resources(manifest(), manifest(name="other"))
    first = plan_ray_services(both, CONTEXT)
    addresses = {plan.cluster.key: plan.cluster.address for plan in first if plan.cluster}
    assert len(set(addresses.values())) == 2
    moved = {"default/" + first[0].cluster.name: "127.9.1.1"} if first[0].cluster else {}
    again = plan_ray_services(both, CONTEXT, moved)
    assert again[0].cluster is not None
    assert again[0].cluster.address == "127.9.1.1"


def test_services_of_one_name_in_two_namespaces_share_no_folder():
    other = manifest().replace("{name: hello}", "{name: hello, namespace: other}")
    found = [one.cluster for one in plan_ray_services(resources(manifest() + "---\n" + other), CONTEXT)]
    assert len({cluster.directory for cluster in found if cluster is not None}) == 2


def test_one_loopback_address_means_ports_of_its_own():
    machine = msgspec.structs.replace(MACHINE, loopback_range=False)
    plan = planned(manifest(), machine=machine)
    assert plan.cluster is not None
    assert plan.cluster.address == "127.0.0.1"
    assert all(port.local != port.container for port in plan.cluster.ports)


@pytest.mark.parametrize(("text", "seconds"), [("90", 90.0), ("2m30s", 150.0), ("", 0.0)])
def test_the_initializing_timeout(text: str, seconds: float):
    written = f'{{name: hello, annotations: {{ray.io/initializing-timeout: "{text}"}}}}' if text else "{name: hello}"
    assert planned(manifest().replace("{name: hello}", written)).initializing_seconds == seconds


def test_two_services_share_the_gpus_of_the_machine():
    machine = msgspec.structs.replace(MACHINE, has_gpu=True)
    context = msgspec.structs.replace(CONTEXT, machine=machine, gpus=2, models=ONE_MODEL)
    plans = plan_ray_services(resources(manifest(LLM), manifest(LLM, name="other")), context)
    assert [plan.cluster.env["CUDA_VISIBLE_DEVICES"] for plan in plans if plan.cluster] == ["0", "1"]
    (alone,) = plan_ray_services(resources(manifest(LLM)), context)
    assert alone.cluster is not None
    assert "CUDA_VISIBLE_DEVICES" not in alone.cluster.env
    assert "--num-gpus=0" not in alone.cluster.flags
