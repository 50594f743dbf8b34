"""Rules of RayService and of the configuration inside it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelyard.resources.loading import load_documents
from modelyard.resources.ray_service import RayService

MODEL: dict[str, Any] = {"model_loading_config": {"model_id": "one"}}
TEMPLATE = {"spec": {"containers": [{"name": "ray", "image": "rayproject/ray-llm:2.60.0"}]}}


def text(
    *,
    name: str = "models",
    model: dict[str, Any] | None = None,
    app: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
) -> str:
    application = {
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [{**MODEL, **(model or {})}]},
        **(app or {}),
    }
    config = {"applications": [application]}
    body = {
        "serveConfigV2": yaml.safe_dump(config),
        "rayClusterConfig": {"headGroupSpec": {"template": TEMPLATE}, **(cluster or {})},
        **(spec or {}),
    }
    value = {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": name}, "spec": body}
    return yaml.safe_dump(value)


def group(**values: Any) -> dict[str, Any]:
    return {"workerGroupSpecs": [{"groupName": "gpu", "template": TEMPLATE, **values}]}


def errors(written: str) -> list[str]:
    return [str(error) for error in load_documents(written, "ray.yaml").errors]


def test_a_good_one() -> None:
    loaded = load_documents(text(cluster=group(replicas=1)), "ray.yaml")
    assert loaded.errors == ()
    service = loaded.objects[0]
    assert isinstance(service, RayService)
    assert (service.serve_service, service.head_service) == ("models-serve-svc", "models-head-svc")
    assert service.spec.upgrade_strategy.type == "NewCluster"
    assert service.spec.ray_cluster_config.head.image.endswith(":2.60.0")


CASES: list[tuple[str, str]] = [
    (text(name="a" * 48), "metadata.name: has 48 characters"),
    (text(name="one.two"), "metadata.name"),
    (text(spec={"suspended": True}), "spec.suspended: unknown field"),
    (text(spec={"managedBy": "me"}), "spec.managedBy"),
    (text(spec={"rayClusterDeletionDelaySeconds": -1}), "rayClusterDeletionDelaySeconds: must be 0 or more"),
    (text(spec={"upgradeStrategy": {"type": "NewClusterWithIncrementalUpgrade"}}), "enableInTreeAutoscaling: true"),
    (text(spec={"upgradeStrategy": {"type": "Rolling"}}), "upgradeStrategy.type"),
    (text(cluster=group(minReplicas=3, maxReplicas=2)), "minReplicas: 3 is more than maxReplicas 2"),
    (text(cluster=group(numOfHosts=0)), "numOfHosts: must be 1 or more"),
    (text(cluster=group(rayStartParam={})), "rayStartParam: unknown field"),
    (text(cluster=group(resources={"CPU": "1"}, rayStartParams={"num-cpus": "1"})), "rayStartParams.num-cpus"),
    (text(cluster={"workerGroupSpecs": [*group()["workerGroupSpecs"] * 2]}), "'gpu' is there twice"),
    (text(cluster={"authOptions": {"enableK8sTokenAuth": True}}), "not for a RayService"),
    (text(spec={"serveConfigV2": ""}), "spec.serveConfigV2: is empty"),
    (text(app={"import_path": "no colon"}), "import_path: 'no colon' must be module:attribute"),
    (text(app={"route_prefix": "llm"}), "route_prefix: 'llm' must begin with '/'"),
    (text(model={"engine_kwargs": {"model": "x"}}), "engine_kwargs.model: belongs under model_loading_config"),
    (text(model={"engine_kwargs": {"max-model-len": 1}}), "did you mean 'max_model_len'?"),
    (text(model={"engine_kwargs": {"tensor_parallel_size": 0}}), "tensor_parallel_size: 0 must be 1 or more"),
    (text(model={"engine_kwargs": {"disable_log_stats": True}}), "contradicts log_engine_metrics"),
    (text(model={"accelerator_type": "L4", "accelerator_config": {"kind": "cpu"}}), "contradicts accelerator_config"),
    (text(model={"lora_config": {"dynamic_lora_loading_path": "/lora"}}), "'/lora' is no bucket"),
    (text(model={"llm_engine": "SGLang"}), "only vLLM"),
    (text(model={"deployment_config": {"placement_group_strategy": "PACK"}}), "belongs under placement_group_config"),
    (text(model={"deployment_config": {"num_replicas": 0}}), "num_replicas: 0 must be 1 or more, or auto"),
    (
        text(model={"deployment_config": {"num_replicas": 2, "autoscaling_config": {"max_replicas": 2}}}),
        "must not be set beside autoscaling_config",
    ),
    (
        text(model={"deployment_config": {"autoscaling_config": {"min_replicas": 3, "max_replicas": 2}}}),
        "min_replicas: 3 is more than max_replicas 2",
    ),
    (text(model={"deployment_config": {"max_queued_requests": 0}}), "max_queued_requests: 0 must be -1"),
    (text(app={"deployments": [{"name": "a"}, {"name": "a"}]}), "'a' is there twice"),
]


@pytest.mark.parametrize(("written", "expected"), CASES, ids=[row[1][:40] for row in CASES])
def test_faults(written: str, expected: str) -> None:
    found = errors(written)
    assert any(expected in error for error in found), found
    assert all("ray.yaml" in error and "RayService" in error for error in found)


def test_a_fault_inside_the_text_has_its_line_there() -> None:
    config = "applications:\n- name: a\n  import_path: a:b\n  runtime_envs: {}\n"
    (error,) = errors(text(spec={"serveConfigV2": config}))
    assert "document 1: RayService models: spec.serveConfigV2.applications[0].runtime_envs: unknown field" in error
    assert "(line 4 of the text)" in error
    assert "did you mean 'runtime_env'?" in error


def test_two_models_of_one_id() -> None:
    both = {"args": {"llm_configs": [MODEL, MODEL]}}
    assert any("two models have the id 'one'" in error for error in errors(text(app=both)))
