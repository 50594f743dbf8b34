from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.examples import PAGES, TUTORIALS, Block, blocks, blocks_of, fits, marks
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

TUTORIAL = re.compile(r"tutorial(: up|: says( (serving|sea|food|sql|any))+)?")
KNOWN_MARKS = {
    "run",
    "run: yard",
    "run: vllm",
    "run: multiplexing",
    "run: envoy",
    "manifests",
    "policy",
    "policy configuration",
}


def test_every_marker_is_known() -> None:
    assert {mark for mark in marks() if not mark.startswith("tutorial")} == KNOWN_MARKS
    assert [mark for mark in marks() if mark.startswith("tutorial") and not TUTORIAL.fullmatch(mark)] == []


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.name)
def test_blocks_of_tutorials_run_in_one_order(page: Path) -> None:
    """Only there is a yard for the whole page."""
    assert all(block.mark.startswith("tutorial") for block in blocks_of(page))


def test_tutorial_markers_are_in_tutorials_only() -> None:
    assert {block.page for page in PAGES for block in blocks_of(page) if block.mark.startswith("tutorial")} <= set(
        TUTORIALS
    )


@pytest.mark.parametrize("block", blocks("manifests"), ids=str)
def test_manifests_load_and_compile(block: Block) -> None:
    loaded = load_documents(block.text, str(block))
    resources, duplicates = ResourceSet.of(loaded.objects)
    assert not loaded.errors
    assert not duplicates
    assert loaded.objects
    assert not build_snapshot(resources).problems


def test_the_policy_in_the_documentation_is_found_and_picks(tmp_path: Path) -> None:
    (policy,), (configuration,) = blocks("policy"), blocks("policy configuration")
    (tmp_path / "zone.py").write_text(policy.text)
    code = f"""
import random
import modelyard.picking.scorers as scorers
scorers.__path__.append({str(tmp_path)!r})
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey
from modelyard.picking.config import scheduler_config
from modelyard.picking.contract import PickRequest
from modelyard.picking.scheduler import Scheduler
from modelyard.resources.loading import load_documents

(config,) = load_documents({configuration.text!r}, "docs").objects
zones = {{"10.0.0.1:8000": "eu-1a", "10.0.0.2:8000": "eu-1b", "10.0.0.3:8000": "eu-1b"}}
fleet = BackendFleet(
    key=BackendKey(kind="InferencePool", namespace="default", name="llama"),
    endpoints=tuple(
        EndpointState(endpoint=Endpoint(address=address, labels={{"topology.kubernetes.io/zone": zone}}))
        for address, zone in zones.items()
    ),
)
scheduler = Scheduler(scheduler_config(config), random.Random(1))
scheduler.update(fleet, 0.0)
for _ in range(20):
    assert scheduler.pick(PickRequest("llama"), 0.0).targets[0].address == "10.0.0.1:8000"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "fit"),
    [
        ("a\n...\nc", "a\nb\nb\nc\n", True),
        ("a\n...\nc", "a\nc\n", True),
        ("a\nc", "a\nb\nc\n", False),
        ("at 127.8.1.2   ok", "at 127.8.190.134 ok  \n", True),
        ("took ... s", "took 3 s", True),
        ("127.0.0.1", "127.0.0.2", False),
    ],
)
def test_output_is_compared_but_for_what_varies(shown: str, printed: str, fit: bool) -> None:
    assert fits(shown, printed) is fit
