"""``serveConfigV2``, read and typed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.resources.faults import render_path
from modelyard.resources.serve_config import ServeConfigReading, read_serve_config

DATA = Path(__file__).parents[2] / "examples" / "upstream" / "ray-clusters"
LLM = """
proxy_location: HeadOnly
http_options: {port: 8123}
applications:
- name: llm
  route_prefix: /
  import_path: ray.serve.llm:build_openai_app
  args:
    llm_configs:
    - model_loading_config: {model_id: org/one-1.5, model_source: {bucket_uri: gs://b/one}}
      engine_kwargs: {tensor_parallel_size: 2, pipeline_parallel_size: 2}
      accelerator_type: L4
      deployment_config: {autoscaling_config: {min_replicas: 1, max_replicas: 2}}
    - model_loading_config: {model_id: two}
      accelerator_config: {kind: cpu}
      placement_group_config: {bundles: [{CPU: 2}]}
    - models/three.yaml
- name: own
  route_prefix:
  import_path: app.main:build
  args: {free: {as: it, is: null}}
"""


def faults(text: str) -> list[str]:
    return [f"{render_path(fault.path)}: {fault.message}" for fault in read_serve_config(text).faults]


def app(line: str) -> str:
    return f"applications:\n- import_path: ray.serve.llm:build_openai_app\n  args: {line}\n"


def test_models_and_applications() -> None:
    config = read_serve_config(LLM).config
    assert config is not None
    assert config.model_ids == ("org/one-1.5", "two")
    llm, own = config.applications
    assert llm.llm_args is not None
    one, two = llm.llm_args.models
    assert (one.devices, one.wants_accelerator, one.deployment_name) == (4, True, "LLMServer:org--one-1_5")
    assert one.model_loading_config.source == "gs://b/one"
    assert (two.devices, two.wants_accelerator, two.model_loading_config.source) == (1, False, "two")
    assert len(llm.llm_args.llm_configs) == 3
    assert own.route_prefix is None
    assert own.llm_args is None
    assert config.http_options.port == 8123


def test_what_was_written_is_kept() -> None:
    assert read_serve_config(LLM).written == yaml.safe_load(LLM)


@pytest.mark.parametrize("file", sorted(DATA.glob("*b*.yaml")), ids=lambda file: file.stem)
def test_published_configurations(file: Path) -> None:
    for document in yaml.safe_load_all(file.read_text()):
        if document["kind"] == "RayService":
            reading = read_serve_config(document["spec"]["serveConfigV2"])
            assert reading.faults == ()
            assert reading.config is not None
            assert reading.config.model_ids


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ": is empty; write applications:"),
        ("applications: [", ": is not valid YAML"),
        ("a: 1\n---\nb: 2\n", ": must be one YAML document"),
        ("applications: []\napplication: []\n", "application: unknown field"),
        ("- x\n", ": must be a mapping, not a list"),
        (app("{llm_config: []}"), "applications[0].args.llm_config: unknown field"),
        (app("{llm_configs: [{accelerator_type: L4}]}"), "llm_configs[0].model_loading_config: is required"),
        (
            app("{llm_configs: [{model_loading_config: {model_id: 3}}]}"),
            "llm_configs[0].model_loading_config.model_id: must be a string, not the number 3",
        ),
        (
            app("{llm_configs: [{model_loading_config: {model_id: a}, engine_kwarg: {}}]}"),
            "llm_configs[0].engine_kwarg: unknown field",
        ),
        (
            app("{llm_configs: [{model_loading_config: {model_id: a, model_source: [x]}}]}"),
            "model_source: must be a string or a mapping, not a list",
        ),
    ],
)
def test_faults_say_where(text: str, expected: str) -> None:
    assert any(expected in fault for fault in faults(text)), faults(text)


def test_lines_inside_the_text() -> None:
    reading: ServeConfigReading = read_serve_config(LLM)
    assert reading.line_of(("applications", 1, "import_path")) == 20
    assert reading.line_of(("applications", 1, "not there")) == reading.line_of(("applications", 1))


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_without_an_exception(text: str) -> None:
    reading = read_serve_config(text)
    assert (reading.config is None) == bool(reading.faults)
