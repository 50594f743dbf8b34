from __future__ import annotations

from modelyard.lora.lora_config import Wanted
from modelyard.lora.ray_wanted import one_each, ray_adapters
from modelyard.lora.wanted import DeploymentAdapters
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable

LORA = 'lora_config: {dynamic_lora_loading_path: "s3://bkt/loras/"}'
LABELS = {"ray.io/serve": "true"}


def service(*models: str, annotations: str = "{}") -> str:
    listed = "\n".join(f"          - {{model_loading_config: {{model_id: {model}}}, {LORA}}}" for model in models)
    return f"""
apiVersion: ray.io/v1
kind: RayService
metadata: {{name: hello, annotations: {annotations}}}
spec:
  serveConfigV2: |
    applications:
    - name: llm
      import_path: ray.serve.llm:build_openai_app
      args:
        llm_configs:
{listed}
  rayClusterConfig:
    headGroupSpec:
      template: {{spec: {{containers: [{{name: head, image: ray}}]}}}}
"""


MODELS = """
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec:
  selector: {matchLabels: {ray.io/serve: "true"}}
  targetPorts: [{number: 8000}]
  endpointPickerRef: {name: picker, port: {number: 9002}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: model}
spec:
  modelName: food
  poolRef: {name: pool}
  targetModels: [{name: food-v1, weight: 1}, {name: llama, weight: 1}, {name: "llama:sql", weight: 1}]
"""
CONFIG = """
---
apiVersion: v1
kind: ConfigMap
metadata: {name: mine}
data:
  configmap.yaml: |
    vLLMLoRAConfig:
      defaultBaseModel: llama
      ensureExist: {models: [{id: food, source: demo://food-review}]}
      ensureNotExist: {models: [{id: old}]}
"""


def wanted(text: str, sources: dict[str, str] | None = None, **folders: list[str]) -> DeploymentAdapters:
    loaded = load_documents(text, "ray.yaml")
    assert not loaded.errors
    resources, _ = ResourceSet.of(loaded.objects)
    (found,) = resources.ray_services.values()
    in_folders = {"s3://bkt/loras": folders.get("inside", [])}
    return ray_adapters(resources, found, LABELS, SourceTable(entries=sources or {}), in_folders)


def shown(found: DeploymentAdapters) -> dict[str, tuple[str, str]]:
    return {one.name: (one.source, one.base_model) for one in found.want}


def test_target_models_lie_in_the_path_or_where_the_user_says() -> None:
    found = wanted(service("llama") + MODELS, {"sql": "demo://sql-chat"})
    assert shown(found) == {"food-v1": ("s3://bkt/loras/food-v1", "llama"), "llama:sql": ("sql", "llama")}
    assert not found.problems


def test_the_folder_that_stands_for_the_path_says_what_is_there() -> None:
    assert shown(wanted(service("llama"), inside=["a", "b"])) == {
        "a": ("s3://bkt/loras/a", "llama"),
        "b": ("s3://bkt/loras/b", "llama"),
    }


def test_a_config_map_that_the_annotation_names() -> None:
    text = service("llama", "alpaca", annotations="{modelyard.dev/lora-adapters: mine}")
    found = wanted(text + CONFIG)
    assert shown(found) == {"food": ("demo://food-review", "llama")}
    assert found.absent == {"old"}
    broken = wanted(text)
    assert broken.unreadable
    assert "is in no manifest" in broken.problems[0]


def test_with_several_models_the_name_says_which() -> None:
    found = wanted(service("llama", "alpaca") + MODELS)
    assert shown(found) == {"llama:sql": ("s3://bkt/loras/sql", "llama")}
    assert found.problems == (
        "InferenceModel default/model: food-v1 may be for any of several models; call it MODEL:food-v1",
    )


def test_one_name_in_the_folders_of_two_models_is_two_adapters() -> None:
    found = wanted(service("llama", "alpaca"), inside=["food"])
    assert shown(found) == {
        "llama:food": ("s3://bkt/loras/food", "llama"),
        "alpaca:food": ("s3://bkt/loras/food", "alpaca"),
    }
    assert found.problems == ("food is an adapter of several models; ask for alpaca:food or llama:food",)


def test_what_the_config_map_calls_by_a_plain_name_keeps_it() -> None:
    text = service("llama", "alpaca", annotations="{modelyard.dev/lora-adapters: mine}") + CONFIG
    found = wanted(text, inside=["food", "old"])
    assert shown(found) == {"food": ("demo://food-review", "llama"), "alpaca:food": ("s3://bkt/loras/food", "alpaca")}
    assert not found.problems


def test_a_base_model_that_is_not_there_is_told() -> None:
    text = CONFIG.replace("defaultBaseModel: llama", "defaultBaseModel: gemma")
    several = wanted(service("llama", "alpaca", annotations="{modelyard.dev/lora-adapters: mine}") + text)
    assert not several.want
    begin = "ConfigMap default/mine: food is for gemma, which is none of the models here"
    assert several.problems == (f"{begin} (llama, alpaca)",)
    one = wanted(service("llama", annotations="{modelyard.dev/lora-adapters: mine}") + text)
    assert shown(one) == {"food": ("demo://food-review", "llama")}
    assert one.problems == (f"{begin} (llama); it is loaded on llama",)


def test_two_names_for_one_adapter_are_one() -> None:
    first = Wanted(name="food", source="/a", base_model="llama", origin="x")
    second = Wanted(name="llama:food", source="/b", base_model="llama", origin="y")
    other = Wanted(name="alpaca:food", source="/b", base_model="alpaca", origin="y")
    kept, problems = one_each((first, second, other))
    assert kept == (first, other)
    assert problems == ("y: llama:food is left out: on llama it is the same name as food, which x wants",)
