"""Every check on a small case that has its fault, and on one that has not."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from modelyard.findings.chat_templates import chat_counterpart
from modelyard.findings.ray_services import image_release
from modelyard.findings.ray_switch_names import FIRST_RELEASE, RELEASES
from modelyard.findings.table import CHECKS, manifest_findings
from modelyard.resources.finding import Finding
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

GOOD_MODEL = {
    "model_loading_config": {"model_id": "one", "model_source": "org/one-instruct"},
    "engine_kwargs": {"max_num_seqs": 32},
    "deployment_config": {
        "max_ongoing_requests": 32,
        "max_queued_requests": 64,
        "autoscaling_config": {"min_replicas": 1, "max_replicas": 4, "target_ongoing_requests": 20},
        "health_check_period_s": 10,
    },
}
DATA = Path(__file__).parents[2] / "examples" / "upstream"


def service(
    model: object = None,
    *,
    app: object = None,
    image: str = "rayproject/ray-llm:2.54.0-py311",
    env: tuple[str, ...] = (),
) -> str:
    application = app or {
        "name": "app",
        "import_path": "ray.serve.llm:build_openai_app",
        "args": {"llm_configs": [model or GOOD_MODEL]},
    }
    container = {"name": "ray", "image": image, "env": [{"name": name, "value": "1"} for name in env]}
    template = {"metadata": {"labels": {"app": "ray"}}, "spec": {"containers": [container]}}
    cluster = {
        "headGroupSpec": {"template": template},
        "workerGroupSpecs": [{"groupName": "g", "maxReplicas": 8, "template": template}],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "ray.io/v1",
            "kind": "RayService",
            "metadata": {"name": "models"},
            "spec": {"serveConfigV2": yaml.safe_dump({"applications": [application]}), "rayClusterConfig": cluster},
        }
    )


def found(*documents: str) -> list[Finding]:
    loaded = load_documents("\n---\n".join(documents), "test.yaml")
    assert not loaded.errors
    resources, errors = ResourceSet.of(loaded.objects)
    assert not errors
    return list(manifest_findings(resources))


def changed(**values: object) -> dict[str, object]:
    return {**GOOD_MODEL, **values}


def options(**values: object) -> dict[str, object]:
    return changed(deployment_config={**GOOD_MODEL["deployment_config"], **values})  # type: ignore[dict-item]


def code(**environment: object) -> dict[str, object]:
    return {"name": "own", "import_path": "app:build", "runtime_env": environment}


ROUTE = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: route}}
spec:
  parentRefs: [{{name: gateway}}]
  rules:
  - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: {model}}}]}}]
    backendRefs: [{{name: models-serve-svc, port: 8000}}]
"""
MODEL = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {{name: model}}
spec: {{modelName: {model}, poolRef: {{name: pool}}}}
"""


def test_nothing_is_said_of_a_good_service() -> None:
    good = service(env=("RAY_SERVE_THROUGHPUT_OPTIMIZED", "HF_HOME"))
    assert found(good, ROUTE.format(model="one"), MODEL.format(model="one")) == []


CASES = [
    (service(options(max_ongoing_requests=None)), "serve-request-limits", "for example 32"),
    (service(options(autoscaling_config={"max_replicas": 3})), "serve-scale-up", "for example 22"),
    (
        service(options(autoscaling_config={"min_replicas": 2, "max_replicas": 2})),
        "serve-autoscaling-range",
        "num_repl",
    ),
    (service(options(health_check_period_s=600)), "serve-health-period", "health_check_period_s: 10"),
    (service(changed(log_engine_metrics=False)), "serve-engine-metrics", "log_engine_metrics"),
    (service(env=("RAY_SERVE_ENABLE_HA_PROXY",)), "ray-switches", "2.55 or later"),
    (service(env=("RAY_SERVE_THROUGHPUT_OPTIMISED",)), "ray-switches", "RAY_SERVE_THROUGHPUT_OPTIMIZED"),
    (
        service(changed(model_loading_config={"model_id": "q", "model_source": "Qwen/Qwen2.5-3B"})),
        "chat-template",
        "Qwen/Qwen2.5-3B-Instruct",
    ),
    (service() + "---" + ROUTE.format(model="two"), "route-model-names", "one"),
    (service() + "---" + MODEL.format(model="two"), "inference-model-unserved", "one"),
    (
        service(app=code(working_dir="https://example.com/a/b/archive/main.zip")),
        "moving-code",
        "archive of a commit",
    ),
    (service(app=code(working_dir="./app")), "local-code", "image"),
    (service(app=code(pip=["vllm==0.8.4"])), "engine-at-start", "image"),
]


@pytest.mark.parametrize(("text", "check", "advice"), CASES, ids=[row[1] for row in CASES])
def test_each_check(text: str, check: str, advice: str) -> None:
    remarks = found(text)
    assert [remark.check for remark in remarks] == [check]
    assert advice in remarks[0].advice
    assert remarks[0].message


def test_newer_images_know_the_switch() -> None:
    assert not found(service(env=("RAY_SERVE_ENABLE_HA_PROXY",), image="rayproject/ray-llm:2.60.0"))
    assert not found(service(env=("RAY_SERVE_ENABLE_HA_PROXY",), image="own/image:latest"))


def test_an_archive_of_a_commit_stands_still() -> None:
    address = f"https://example.com/a/b/archive/{'0a' * 20}.zip"
    assert not found(service(app=code(working_dir=address)))


def test_parts_of_several_releases() -> None:
    text = service().replace("rayClusterConfig:", "rayClusterConfig:\n    rayVersion: 2.46.0")
    assert [remark.check for remark in found(text)] == ["ray-versions"]


@pytest.mark.parametrize(
    ("model", "chat"),
    [
        ("Qwen/Qwen2.5-3B", "Qwen/Qwen2.5-3B-Instruct"),
        ("Qwen/Qwen3-8B-Base", "Qwen/Qwen3-8B"),
        ("google/gemma-2b", "google/gemma-2b-it"),
        ("google/gemma-2b-it", ""),
        ("meta-llama/Llama-3.1-8B", "meta-llama/Llama-3.1-8B-Instruct"),
        ("meta-llama/Llama-2-7b-hf", "meta-llama/Llama-2-7b-chat-hf"),
        ("own/model", ""),
    ],
)
def test_counterparts_for_chat(model: str, chat: str) -> None:
    assert chat_counterpart(model) == chat


def test_releases() -> None:
    assert image_release("rayproject/ray-ml:2.45.0.4e641d-py311") == (2, 45)
    assert image_release("registry:5000/own") is None
    assert list(RELEASES) == sorted(RELEASES)
    assert FIRST_RELEASE["RAY_SERVE_ENABLE_HA_PROXY"] == (2, 55)
    assert len(set(CHECKS)) == len(CHECKS)


def test_the_published_clusters() -> None:
    texts = [path.read_text() for path in sorted((DATA / "ray-clusters").glob("*.yaml"))]
    checks = {remark.check for remark in found(*texts)}
    assert {"serve-request-limits", "serve-autoscaling-range", "serve-health-period", "ray-switches"} <= checks


POLICY = """
apiVersion: networking.gke.io/v1
kind: HealthCheckPolicy
metadata: {{name: check}}
spec:
  targetRef: {{group: "", kind: Service, name: {target}}}
  default: {{config: {{type: HTTP, httpHealthCheck: {{port: 8000, requestPath: /health}}}}}}
"""
SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: llm-service}\nspec: {ports: [{port: 8000}]}\n"


@pytest.mark.parametrize(("target", "advice"), [("ll-service", "write llm-service"), ("other", "one that is there")])
def test_a_health_check_of_what_is_not_there(target: str, advice: str) -> None:
    (remark,) = found(SERVICE, POLICY.format(target=target))
    assert (remark.check, target in remark.message) == ("health-check-target", True)
    assert advice in remark.advice


@pytest.mark.parametrize("target", ["llm-service", "models-serve-svc"])
def test_a_health_check_of_what_is_there(target: str) -> None:
    assert found(SERVICE, service(), POLICY.format(target=target)) == []


OBJECTIVE = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {{name: sql}}
spec: {{poolRef: {{name: pool}}{more}}}
"""


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (", targetModels: [{name: sql-lora, weight: 100}]", "spec.targetModels, which"),
        (", modelName: m, criticality: Critical", "spec.modelName, spec.criticality, which"),
    ],
)
def test_what_an_objective_has_left_of_its_model(more: str, named: str) -> None:
    (remark,) = found(OBJECTIVE.format(more=more))
    assert (remark.check, named in remark.message) == ("left-from-inference-model", True)
    assert remark.object == "InferenceObjective default/sql"


def test_an_objective_that_is_one() -> None:
    assert found(OBJECTIVE.format(more=", priority: 2")) == []
