from __future__ import annotations

import pytest

from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.extension_deployments import extension_role, extension_settings
from modelyard.resources.helm import BodyBasedRouterValues
from modelyard.resources.loading import LoadResult, load_documents

POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: vllm, namespace: prod}
spec: {selector: {matchLabels: {app: vllm}}, targetPorts: [{number: 8000}]}
---
"""
PICKER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm-epp, namespace: prod}
spec:
  selector: {matchLabels: {inferencepool: vllm-epp}}
  template:
    metadata: {labels: {inferencepool: vllm-epp}}
    spec:
      containers:
      - name: epp
        image: registry.k8s.io/gateway-api-inference-extension/epp:v1.0.1
        args: [--pool-name, vllm, --zap-encoder, json, --config-file, /config/plugins.yaml]
        volumeMounts: [{name: plugins, mountPath: /config}]
      volumes: [{name: plugins, configMap: {name: vllm-epp}}]
---
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: vllm-epp, namespace: prod}
data:
  plugins.yaml: |
    apiVersion: inference.networking.x-k8s.io/v1alpha1
    kind: EndpointPickerConfig
    plugins: [{type: queue-scorer}]
    schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
---
"""
ROUTER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: body-based-router}
spec:
  selector: {matchLabels: {app: bbr}}
  template:
    metadata: {labels: {app: bbr}}
    spec:
      containers:
      - name: bbr
        image: registry.k8s.io/gateway-api-inference-extension/bbr:v1.4.0
        args:
        - --streaming
        - --plugin
        - 'body-field-to-header:model:{"field_name": "model", "header_name": "X-Model"}'
---
"""
VALUES = "bbr: {plugins: [{type: no-op-plugin, name: x}]}\n---\n"


def told(*texts: str) -> LoadResult:
    loaded = load_documents("".join(texts), "manifests.yaml")
    assert not loaded.errors
    return extension_settings(loaded.objects)


@pytest.mark.parametrize(
    ("image", "command", "args", "role"),
    [
        ("registry.k8s.io/gateway-api-inference-extension/epp:v0.3.0", [], [], "epp"),
        ("registry.k8s.io/gateway-api-inference-extension/epp@sha256:" + "0" * 64, ["/epp"], [], "epp"),
        ("registry/llm-d/llm-d-inference-scheduler:v0.5", [], [], "epp"),
        ("localhost:5000/bbr", [], [], "bbr"),
        ("modelyard:1", ["/usr/bin/modelyard"], ["bbr"], "bbr"),
        ("modelyard:1", [], ["epp", "-poolName", "p"], "epp"),
        ("registry/epp:v1", ["sleep"], ["9"], None),
        ("registry/stepp:v1", [], [], None),
        ("vllm/vllm-openai:v1", [], ["--model", "epp"], None),
        ("", [], [], None),
    ],
)
def test_containers_are_recognised(image: str, command: list[str], args: list[str], role: str | None) -> None:
    assert extension_role(image, command, args) == role


def test_the_config_of_a_charts_picker_is_that_of_its_pool() -> None:
    found = told(POOL, PICKER, CONFIG)
    (config,) = found.objects
    assert isinstance(config, EndpointPickerConfig)
    assert (config.metadata.namespace, config.metadata.name) == ("prod", "vllm")
    assert config.plugins[0].type == "queue-scorer"
    assert found.errors == ()


def test_a_config_in_the_arguments() -> None:
    text = '{"apiVersion": "llm-d.ai/v1alpha1", "kind": "EndpointPickerConfig"}'
    inline = PICKER.replace("--config-file, /config/plugins.yaml", f"-configText, '{text}'")
    assert len(told(POOL, inline).objects) == 1


def test_what_is_written_for_the_pool_itself_wins() -> None:
    own = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nmetadata: {name: vllm, namespace: prod}\n---\n"
    assert told(POOL, PICKER, CONFIG, own).objects == ()


@pytest.mark.parametrize(
    "texts",
    [
        (POOL, PICKER),
        (PICKER, CONFIG),
        (POOL, CONFIG),
        (POOL, CONFIG, PICKER.replace("mountPath: /config", "mountPath: /c")),
    ],
)
def test_nothing_is_made_up(texts: tuple[str, ...]) -> None:
    """A ConfigMap that is not there, a pool of another file: the cluster knows them."""
    assert told(*texts) == LoadResult()


def test_a_broken_config_is_told_at_the_deployment() -> None:
    (error,) = told(POOL, PICKER, CONFIG.replace("schedulingProfiles", "profiles")).errors
    assert "profiles" in str(error)
    assert "manifests.yaml" in str(error)
    (error,) = told(POOL, PICKER, CONFIG.replace("EndpointPickerConfig", "Secret")).errors
    assert "manifests.yaml" in str(error)


def test_plugins_of_a_router() -> None:
    (values,) = told(ROUTER).objects
    assert isinstance(values, BodyBasedRouterValues)
    assert [(plugin.field_name, plugin.header_name) for plugin in values.plugins] == [("model", "X-Model")]
    assert told(ROUTER, VALUES).objects == ()


@pytest.mark.parametrize("plugin", ["default-bbr:x", "body-field-to-header:x:{"])
def test_a_wrong_plugin_is_told(plugin: str) -> None:
    text = ROUTER.replace(
        """'body-field-to-header:model:{"field_name": "model", "header_name": "X-Model"}'""", f"'{plugin}'"
    )
    assert len(told(text).errors) == 1
