from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from modelyard.cli.commands import application
from modelyard.cli.exit_codes import ExitCode
from modelyard.manifests.reading import read_manifests
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

YARD = """
apiVersion: modelyard.dev/v1alpha1
kind: Yard
metadata: {name: small}
spec:
  models:
  - {name: llama, source: ./llama, adapters: [{name: food, source: org/food}]}
"""
CONFIG_MAP = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n"
EXAMPLE = Path(__file__).parents[2] / "examples" / "short-form"


def _render(*arguments: str, piped: str | None = None) -> Result:
    return CliRunner().invoke(application(), ["render", *arguments], input=piped)


@pytest.mark.parametrize("output", ["text", "json"])
def test_what_is_printed_is_what_up_would_run(tmp_path: Path, output: str) -> None:
    (tmp_path / "yard.yaml").write_text(YARD)
    result = _render("-f", str(tmp_path), "--output", output)
    assert result.exit_code == ExitCode.OK
    printed = load_documents(result.stdout, "yard.yaml")
    assert printed.errors == ()
    known = {(item.kind, item.metadata.namespace, item.metadata.name): item for item in printed.objects}
    for item in read_manifests([tmp_path]).resource_set:
        if item.kind != "Yard":
            again = known.pop((item.kind, item.metadata.namespace, item.metadata.name))
            assert _without_origin(again) == _without_origin(item)
    assert known == {}


@pytest.mark.parametrize("target", ["local", "kubernetes"])
def test_the_example_is_printed_for_both(target: str) -> None:
    result = _render("-f", str(EXAMPLE), "--target", target)
    assert result.exit_code == ExitCode.OK
    printed = load_documents(result.stdout, "-")
    assert printed.errors == ()
    resources, duplicates = ResourceSet.of(printed.objects)
    assert duplicates == ()
    assert list(resources.deployments) == [("default", "demo-llama"), ("default", "demo-alpaca")]
    assert [name for _, name in resources.config_maps] == ["demo-llama-adapters"]
    assert bool(resources.services) == (target == "kubernetes")


def test_a_cluster_is_told_what_is_left_to_do() -> None:
    result = _render("-f", "-", "--target", "kubernetes", piped=YARD)
    assert "# - Claim 'llama-weights' must hold ./llama" in result.stdout


def test_other_kinds_are_left_out_and_counted() -> None:
    result = _render("-f", "-", "--output", "json", piped=YARD + CONFIG_MAP)
    assert {item["kind"] for item in json.loads(result.stdout)["items"]} >= {"Gateway", "Deployment"}
    assert "1 object of other kinds left out" in result.stderr
    assert "other" not in {item["metadata"]["name"] for item in json.loads(result.stdout)["items"]}


def test_errors_are_those_of_the_manifests() -> None:
    result = _render("-f", "-", piped=YARD.replace("source: ./llama", "source: 'gs://b/llama'"))
    assert result.exit_code == ExitCode.INVALID
    assert "-:7: document 1: Yard small: spec.models[0].source: 'gs://b/llama' names no bucket" in result.stderr
    assert result.stdout == ""


def test_without_a_yard_there_is_nothing_to_render() -> None:
    assert _render("-f", "-", piped=CONFIG_MAP).exit_code == ExitCode.INVALID
    assert _render().exit_code == ExitCode.USAGE


def _without_origin(item: object) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__struct_fields__ if name != "origin"}  # type: ignore[attr-defined]
