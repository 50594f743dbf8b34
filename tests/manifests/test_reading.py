from __future__ import annotations

import os
from pathlib import Path

import pytest

from modelyard.manifests import reading
from modelyard.manifests.files import FoundFiles
from modelyard.manifests.reading import read_manifests
from modelyard.resources.loading import load_documents

MANIFESTS = Path(__file__).parents[2] / "examples" / "upstream"
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n"


def test_the_published_adapters_are_one_set():
    result = read_manifests([MANIFESTS / "lora-adapters"])
    assert result.errors == ()
    assert len(result.files) == 8
    found = result.resource_set
    assert list(found.inference_models) == [("default", "food-review"), ("default", "base-gemma-model")]
    assert [port.number for port in found.inference_pools["default", "inference-pool-vllm"].spec.target_ports] == [8000]
    assert [item.kind for item in found.unsupported] == ["GCPGatewayPolicy"]
    assert {o.origin.source for o in found} == set(result.files)


def test_errors_of_files_do_not_hide_other_files(tmp_path):
    (tmp_path / "good.yaml").write_text(CONFIG_MAP % "a")
    (tmp_path / "broken.yaml").write_text("a: [")
    (tmp_path / "latin1.yaml").write_bytes(b"a: \xe9")
    (tmp_path / "dangling.yaml").symlink_to("nowhere.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    result = read_manifests([tmp_path, tmp_path / "missing.yaml"])
    assert list(result.resource_set.config_maps) == [("default", "a")]
    messages = sorted(str(error).removeprefix(f"{tmp_path}/") for error in result.errors)
    assert [message.split(":")[0] for message in messages] == [
        "broken.yaml",
        "dangling.yaml",
        "latin1.yaml",
        "missing.yaml",
        "pipe.yaml",
    ]
    assert "not a regular file" in messages[-1]
    assert "not UTF-8" in messages[2]


def test_a_file_of_a_folder_that_goes_away_while_it_is_read_is_not_there(tmp_path, monkeypatch):
    (tmp_path / "stays.yaml").write_text(CONFIG_MAP % "a")
    listed = FoundFiles(files=(str(tmp_path / "gone.yaml"), str(tmp_path / "stays.yaml")))
    monkeypatch.setattr(reading, "find_files", lambda paths: listed)
    result = read_manifests([tmp_path])
    assert result.errors == ()
    assert list(result.resource_set.config_maps) == [("default", "a")]
    assert [str(error) for error in read_manifests([tmp_path / "gone.yaml"]).errors] == [
        f"{tmp_path}/gone.yaml: does not exist; check the path"
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files_are_explained(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("")
    path.chmod(0)
    (error,) = read_manifests([path]).errors
    assert "permissions" in str(error)


def test_duplicates_over_files_are_errors(tmp_path):
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(CONFIG_MAP % "same")
    (error,) = read_manifests([tmp_path]).errors
    assert f"is already defined at {tmp_path}/a.yaml:1" in str(error)


def test_what_the_caller_read_comes_first(tmp_path):
    (tmp_path / "a.yaml").write_text(CONFIG_MAP % "a")
    extra = load_documents(CONFIG_MAP % "stdin" + "---\na: [", "-")
    result = read_manifests([tmp_path / "a.yaml"], extra)
    assert list(result.resource_set.config_maps) == [("default", "stdin"), ("default", "a")]
    assert [error.source for error in result.errors] == ["-"]


def test_equal_readings_are_equal(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text(CONFIG_MAP % "a")
    first = read_manifests([path])
    assert read_manifests([path]) == first
    path.write_text(CONFIG_MAP % "b")
    assert read_manifests([path]) != first


YARD = """
# Comments count as lines.
apiVersion: modelyard.dev/v1alpha1
kind: Yard
metadata: {name: small}
spec: {models: [{name: llama, source: ./llama}]}
---
"""


def test_a_yard_is_followed_by_what_it_stands_for(tmp_path):
    (tmp_path / "yard.yaml").write_text(YARD + CONFIG_MAP % "a")
    result = read_manifests([tmp_path])
    assert result.errors == ()
    found = result.resource_set
    assert list(found.yards) == [("default", "small")]
    assert list(found.gateways) == [("default", "small")]
    (deployment,) = found.deployments.values()
    assert (deployment.origin.source, deployment.origin.line) == (str(tmp_path / "yard.yaml"), 3)
    assert deployment.spec.template.spec.volumes[0].host_path.path == str(tmp_path / "llama")
    assert list(found.config_maps) == [("default", "a")]


def test_relative_paths_on_standard_input_begin_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = read_manifests([], load_documents(YARD, "-")).resource_set
    volume = found.deployments["default", "llama"].spec.template.spec.volumes[0]
    assert volume.host_path.path == str(tmp_path / "llama")


def test_two_yards_of_one_name_are_one_error(tmp_path):
    (tmp_path / "a.yaml").write_text(YARD)
    (tmp_path / "b.yaml").write_text(YARD)
    (error,) = read_manifests([tmp_path]).errors
    assert "Yard default/small: is already defined at" in str(error)


def test_an_object_that_a_yard_stands_for_must_not_be_there_twice(tmp_path):
    (tmp_path / "a.yaml").write_text(YARD)
    (tmp_path / "b.yaml").write_text(YARD.replace("name: small", "name: other"))
    messages = sorted(str(error) for error in read_manifests([tmp_path]).errors)
    assert [message.split(": ")[2] for message in messages] == [
        "Deployment default/llama",
        "HTTPRoute default/llama",
        "InferencePool default/llama",
    ]
