"""One model on one GPU, on the GPUs of a node, and over nodes: the files differ only in what must differ."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from modelyard.cli.commands import application
from modelyard.control.findings import findings
from modelyard.control.not_used import not_used
from modelyard.manifests.reading import read_manifests
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

FOLDER = Path(__file__).parents[2] / "examples/parallelism"
STRATEGIES = ["single-gpu", "tensor-parallel", "multi-node", "multi-node-ray"]


def resources(strategy: str, folder: Path = FOLDER) -> ResourceSet:
    read = read_manifests([FOLDER / "gateway.yaml", folder / f"{strategy}.yaml"])
    assert read.errors == ()
    return read.resource_set


def lines(strategy: str) -> list[str]:
    text = (FOLDER / f"{strategy}.yaml").read_text()
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_each_is_right_and_fits(strategy):
    found = resources(strategy)
    snapshot = build_snapshot(found)
    assert snapshot.problems == ()
    assert findings(found) == ()
    names = [name for name, _ in not_used(found)]
    assert names == (["LeaderWorkerSet default/llama"] if strategy == "multi-node" else [])


def changes(old: str, new: str) -> set[str]:
    return {one for one in difflib.ndiff(lines(old), lines(new)) if one[0] in "+-"}


def test_tensor_parallel_differs_in_its_size_and_gpus():
    assert changes("single-gpu", "tensor-parallel") == {
        "+ - --tensor-parallel-size=2",
        '- limits: {nvidia.com/gpu: "1"}',
        '+ limits: {nvidia.com/gpu: "2"}',
    }


def test_multi_node_adds_a_group_and_a_pipeline():
    """The leader is the tensor-parallel server with the flags of a group."""
    tensor, nodes = lines("tensor-parallel"), lines("multi-node")
    leader = nodes[: nodes.index("workerTemplate:")]
    container = tensor[tensor.index("containers:") :]
    extra = [one[2:] for one in difflib.ndiff(container, leader[leader.index("containers:") :]) if one[0] in "+-"]
    assert extra == [
        "- --pipeline-parallel-size=$(LWS_GROUP_SIZE)",
        "- --nnodes=$(LWS_GROUP_SIZE)",
        "- --node-rank=$(LWS_WORKER_INDEX)",
        "- --master-addr=$(LWS_LEADER_ADDRESS)",
    ]


@pytest.mark.parametrize(
    ("strategy", "old", "new", "check"),
    [
        ("single-gpu", "=16384", "=131072", "accelerator-memory"),
        ("tensor-parallel", "size=2", "size=4", "gpus-per-replica"),
        ("multi-node", "size: 2", "size: 4", ""),
        ("multi-node", 'gpu: "2"', 'gpu: "1"', "gpus-per-replica"),
        ("multi-node-ray", "pipeline_parallel_size: 2", "pipeline_parallel_size: 4", "ray-cluster-gpus"),
    ],
)
def test_a_change_that_does_not_fit_is_found(tmp_path, strategy, old, new, check):
    text = (FOLDER / f"{strategy}.yaml").read_text()
    assert old in text
    (tmp_path / f"{strategy}.yaml").write_text(text.replace(old, new))
    found = {one.check for one in findings(resources(strategy, tmp_path))}
    assert check in found if check else not found


SHORT_FORMS = {
    "single-gpu": [("      gpus: 2 # on each node\n      nodes: 2\n", "")],
    "tensor-parallel": [("      nodes: 2\n", "")],
    "multi-node": [],
    "multi-node-ray": [("nodes: 2", "nodes: 2\n      engine: ray-serve")],
}
OF_THE_SHORT_FORM = {"metadata", "selector", "livenessProbe", "readinessProbe", "--port=8000", "replicas"}
"""Labels and probes are the short form's own in every strategy, and what is left to a default is written."""


def rendered(strategy: str, folder: Path) -> str:
    text = (FOLDER / "yard.yaml").read_text()
    for old, new in SHORT_FORMS[strategy]:
        assert old in text
        text = text.replace(old, new)
    (folder / "yard.yaml").write_text(text)
    result = CliRunner().invoke(application(), ["render", "-f", str(folder / "yard.yaml"), "--target", "kubernetes"])
    assert result.exit_code == 0
    return result.stdout


def essence(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: essence(part) for key, part in value.items() if key not in OF_THE_SHORT_FORM}
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return set(value) - OF_THE_SHORT_FORM
    return [essence(part) for part in value] if isinstance(value, list) else value


def spec_of(kind: str, text: str) -> Any:
    (found,) = (one["spec"] for one in yaml.safe_load_all(text) if one["kind"] == kind)
    return found


@pytest.mark.parametrize("strategy", STRATEGIES[:3])
def test_the_short_form_stands_for_the_same(tmp_path, strategy):
    kind = "LeaderWorkerSet" if strategy == "multi-node" else "Deployment"
    written = spec_of(kind, (FOLDER / f"{strategy}.yaml").read_text())
    assert essence(spec_of(kind, rendered(strategy, tmp_path))) == essence(written)


def test_the_short_form_with_ray_stands_for_the_same(tmp_path):
    written = spec_of("RayService", (FOLDER / "multi-node-ray.yaml").read_text())
    made = spec_of("RayService", rendered("multi-node-ray", tmp_path))
    wanted, config = (_llm_config(one) for one in (written, made))
    assert wanted.pop("accelerator_type") == "L4", "the workers' node selector says the same"
    assert config == wanted
    old, new = (one["rayClusterConfig"]["workerGroupSpecs"][0] for one in (written, made))
    assert {**old, "groupName": "", "template": ""} == {**new, "groupName": "", "template": ""}
    assert essence(new["template"]["spec"]) == essence(old["template"]["spec"])


def _llm_config(spec: Any) -> Any:
    (application,) = yaml.safe_load(spec["serveConfigV2"])["applications"]
    (config,) = application["args"]["llm_configs"]
    return config


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_the_short_form_stands_for_is_right_and_fits(tmp_path, strategy):
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster/all.yaml").write_text(rendered(strategy, tmp_path))
    for path in (tmp_path / "cluster", tmp_path / "yard.yaml"):
        checked = CliRunner().invoke(application(), ["check", "-f", str(path)])
        assert (checked.exit_code, "? " in checked.stdout) == (0, False), checked.stdout
