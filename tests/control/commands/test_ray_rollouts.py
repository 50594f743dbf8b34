from __future__ import annotations

import pytest

from modelyard.admin.route import Refused
from modelyard.control.commands.ray_rollouts import refuse_ray_service
from modelyard.local.ray.cluster_hash import cluster_hash
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

SERVICE = """
apiVersion: ray.io/v1
kind: RayService
metadata: {name: hello, namespace: models}
spec:
  serveConfigV2: "applications: []"
  rayClusterConfig:
    headGroupSpec: {template: {metadata: {annotations: {}}, spec: {containers: [{name: head, image: ray}]}}}
"""


def resources(text: str = SERVICE) -> ResourceSet:
    return ResourceSet.of(load_documents(text, "ray.yaml").objects)[0]


def test_a_ray_service_is_told_apart_with_what_to_do_instead() -> None:
    with pytest.raises(Refused) as refused:
        refuse_ray_service(resources(), "models", "hello")
    assert (refused.value.status, refused.value.code) == (409, "ray_service")
    assert "editing its manifest" in str(refused.value)
    assert "modelyard rollout status rayservice/hello -n models" in str(refused.value)
    refuse_ray_service(resources(), "default", "hello")


def test_the_advice_makes_a_new_cluster() -> None:
    before = resources().ray_services["models", "hello"]
    edited = SERVICE.replace("annotations: {}", "annotations: {restarted-at: noon}")
    after = resources(edited).ray_services["models", "hello"]
    was, now = cluster_hash(before.spec.ray_cluster_config), cluster_hash(after.spec.ray_cluster_config)
    assert not was.serves(now)
