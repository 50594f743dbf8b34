from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.resources.loading import MAX_BYTES, load_documents
from modelyard.resources.resource_set import ResourceSet, decode_objects, encode_objects

MANIFESTS = Path(__file__).parents[2] / "examples" / "upstream"
OWN = Path(__file__).parents[1] / "data" / "manifests"
FILES = sorted([*MANIFESTS.rglob("*.yaml"), *OWN.rglob("*.yaml")])
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def load(text: str | bytes):
    return load_documents(text, "f.yaml")


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_published_manifests_load(file):
    result = load_documents(file.read_bytes(), file.name)
    assert result.objects
    assert result.errors == ()


def test_the_ray_routes_are_read_as_written():
    folder = MANIFESTS / "ray-clusters"
    objects = [o for f in sorted(folder.iterdir()) for o in load_documents(f.read_bytes(), f.name).objects]
    resources, errors = ResourceSet.of(objects)
    assert errors == ()
    route = resources.http_routes["default", "ray-multi-model-route"]
    models = [rule.matches[0].headers[0].value for rule in route.spec.rules]
    assert models == ["gemma-2b-it", "qwen-2.5-3b"]
    assert route.spec.rules[0].backend_refs[0].port == 8000
    assert resources.bbr_values[0].plugins[0].header_name == "X-Gateway-Model-Name"
    assert [name for _, name in resources.ray_services] == ["gemma-2b-it", "qwen-25-3b"]
    assert not resources.unsupported
    policy = resources.health_check_policies["default", "gemma-serve-healthcheck"]
    config = policy.spec.default.config
    assert config is not None
    assert config.http_health_check is not None
    assert config.http_health_check.request_path == "/-/healthz"


def test_a_deployment_has_what_a_runner_needs():
    text = (MANIFESTS / "inference-gateway" / "vllm-llama3-8b-instruct.yaml").read_bytes()
    deployment = load(text).objects[0]
    resources, _ = ResourceSet.of([deployment])
    pod = resources.deployments["default", "vllm-llama3-8b-instruct"].spec.template.spec
    (server,) = pod.containers
    (syncer,) = pod.init_containers
    assert server.command[:2] == ("python3", "-m")
    assert server.env[2].value_from is not None
    assert server.env[2].value_from.secret_key_ref is not None
    assert server.env[2].value_from.secret_key_ref.key == "token"
    assert server.startup_probe is not None
    assert (server.startup_probe.failure_threshold, server.startup_probe.timeout_seconds) == (3600, 1)
    assert server.lifecycle is not None
    assert server.lifecycle.pre_stop is not None
    assert server.lifecycle.pre_stop.sleep is not None
    assert server.lifecycle.pre_stop.sleep.seconds == 30
    assert syncer.restart_policy == "Always"
    assert pod.termination_grace_period_seconds == 130
    assert not pod.enable_service_links
    assert [volume.source for volume in pod.volumes] == ["emptyDir", "emptyDir", "emptyDir", "configMap"]


def test_minimal_objects_load(any_valid):
    assert load(json.dumps(any_valid)).errors == ()


def test_broken_documents_hide_no_good_ones():
    parts = [CONFIG_MAP % "a", "a: [", CONFIG_MAP % "B", "- 1", CONFIG_MAP % "c", "kind: X", CONFIG_MAP % "d"]
    result = load("---\n".join(f"{part}\n" for part in parts))
    assert [found.metadata.name for found in result.objects] == ["a", "c", "d"]
    assert [error.document for error in result.errors] == [2, 3, 4, 6]


def test_several_errors_of_one_document():
    text = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: e}\n"
    text += "spec:\n  listeners:\n  - nam: a\n"
    lines = [str(error) for error in load(text).errors]
    assert lines == [
        "f.yaml:6: document 1: Gateway e: spec.listeners[0].nam: unknown field; allowed: name, hostname, port, "
        "protocol, tls, allowedRoutes; did you mean 'name'?",
        "f.yaml:6: document 1: Gateway e: spec.listeners[0].name: is required and missing",
        "f.yaml:6: document 1: Gateway e: spec.listeners[0].port: is required and missing",
        "f.yaml:6: document 1: Gateway e: spec.listeners[0].protocol: is required and missing",
        "f.yaml:4: document 1: Gateway e: spec.gatewayClassName: is required and missing",
    ]


def test_lists_are_expanded_with_lines_of_their_items():
    text = "apiVersion: v1\nkind: List\nitems:\n"
    text += "- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n- kind: Wrong\n"
    result = load(text)
    assert [(found.metadata.name, found.origin.line) for found in result.objects] == [("a", 4)]
    assert [(error.line, error.path) for error in result.errors] == [(7, "apiVersion")]


def test_keys_without_a_value_are_absent():
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: }\ndata:\n"
    (found,) = load(text).objects
    assert found.metadata.labels == {}


def test_origin_cannot_be_written():
    (error,) = load(CONFIG_MAP % "a" + "origin: {source: x}\n").errors
    assert error.path == "origin"


@pytest.mark.parametrize("text", ["", "\n", "---\n---\n", "# nothing\n", b"", b"\xef\xbb\xbf"])
def test_nothing_is_no_error(text):
    assert load(text).objects == ()
    assert load(text).errors == ()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea\x00", "is not UTF-8 text (byte 0)"),
        (b"x" * (MAX_BYTES + 1), "is larger than 16 MiB"),
        ("---\na: 1\n" * 50_002, "more than 50,000 documents"),
    ],
)
def test_refused_files(content, message):
    (error,) = load(content).errors
    assert message in str(error)


def test_an_endpoint_picker_config_needs_no_metadata():
    (config,) = load("apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n").objects
    assert config.metadata.name == "default"


def test_cluster_scoped_kinds_have_no_namespace():
    (found,) = load("apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}\n").objects
    assert found.metadata.namespace == ""


_SNIPPETS = [file.read_text()[:3000] for file in FILES]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real manifest with some pieces cut, doubled or replaced."""
    text = draw(st.sampled_from(_SNIPPETS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(len(text) - 1, 0)))
        end = min(len(text), start + draw(st.integers(0, 40)))
        piece = draw(
            st.sampled_from(
                ["", "\n", "  ", ": ", "- ", "[", "}", "&a ", "*a", "!!", "null", "1", "'", text[start:end] * 2]
            )
        )
        text = text[:start] + piece + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.binary(max_size=300) | mutated())
def test_loading_never_raises(content):
    result = load(content)
    resources, _ = ResourceSet.of(result.objects)
    assert decode_objects(encode_objects(resources)) == resources
    for error in result.errors:
        assert "\n" not in str(error)
