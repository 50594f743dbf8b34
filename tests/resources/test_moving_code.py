"""Code that is the archive of a branch, and variants of a RayService."""

from __future__ import annotations

import pytest
import yaml

from modelyard.resources.loading import load_documents
from modelyard.resources.moving_code import branch_of
from modelyard.resources.resource_set import ResourceSet

MOVING = "https://example.com/a/b/archive/main.zip"
COMMIT = f"https://example.com/a/b/archive/{'0a' * 20}.zip"


def service(address: str = "") -> str:
    environment = {"working_dir": address} if address else {}
    config = {"applications": [{"import_path": "app:build", "runtime_env": environment}]}
    template = {"spec": {"containers": [{"name": "ray"}]}}
    spec = {"serveConfigV2": yaml.safe_dump(config), "rayClusterConfig": {"headGroupSpec": {"template": template}}}
    value = {"apiVersion": "ray.io/v1", "kind": "RayService", "metadata": {"name": "models"}, "spec": spec}
    return "---\n" + yaml.safe_dump(value)


@pytest.mark.parametrize(
    ("address", "branch"),
    [
        (MOVING, "main"),
        ("https://example.com/a/b/archive/refs/heads/v1.2.tar.gz", "v1.2"),
        ("https://example.com/a/b/archive/refs/tags/v1.zip", ""),
        (COMMIT, ""),
        ("./app", ""),
        (None, ""),
    ],
)
def test_branches(address: object, branch: str) -> None:
    assert branch_of(address) == branch


@pytest.mark.parametrize("order", [(MOVING, ""), ("", MOVING), (MOVING, COMMIT)])
def test_of_two_variants_the_one_that_stands_still_is_run(order: tuple[str, str]) -> None:
    loaded = load_documents("".join(map(service, order)), "both.yaml")
    resources, errors = ResourceSet.of(loaded.objects)
    assert errors == ()
    assert MOVING not in resources.ray_services["default", "models"].spec.serve_config_v2
    (left,) = resources.unsupported
    assert (left.kind, left.metadata.name) == ("RayService", "models")
    assert MOVING in left.reason


@pytest.mark.parametrize("address", ["", MOVING])
def test_two_of_a_kind_are_an_error(address: str) -> None:
    loaded = load_documents(service(address) * 2, "both.yaml")
    _, errors = ResourceSet.of(loaded.objects)
    assert len(errors) == 1
