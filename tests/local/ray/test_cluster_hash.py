from __future__ import annotations

import pytest

from modelyard.local.ray.cluster_hash import ClusterHash, cluster_hash

from .ray_services import WORKERS, manifest, resources

SECOND = """
- groupName: second
  minReplicas: 0
  maxReplicas: 1
  rayStartParams: {}
  template:
    spec:
      containers: [{name: ray-worker, image: rayproject/ray}]
"""


def hash_of(cluster: str, spec: str = "") -> ClusterHash:
    (service,) = resources(manifest(cluster=cluster, spec=spec)).ray_services.values()
    return cluster_hash(service.spec.ray_cluster_config)


BEFORE = hash_of(WORKERS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("replicas: 2", "replicas: 3"),
        ("minReplicas: 1", "minReplicas: 2"),
        ("maxReplicas: 3", "maxReplicas: 9"),
        (
            "- name: ray-worker",
            "tolerations: [{key: gpu, operator: Exists}]\n      containers:\n      - name: ray-worker",
        ),
    ],
)
def test_numbers_and_tolerations_do_not_count(old: str, new: str):
    changed = WORKERS.replace(old, new)
    if "tolerations" in new:
        changed = changed.replace("      containers:\n      tolerations", "      tolerations")
    assert changed != WORKERS
    assert BEFORE.serves(hash_of(changed))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rayproject/ray:2.54.0", "rayproject/ray:2.55.0"),
        ("value: green", "value: red"),
        ("groupName: first", "groupName: other"),
        ('cpu: "6"', 'cpu: "8"'),
    ],
)
def test_everything_else_asks_for_a_new_cluster(old: str, new: str):
    assert not BEFORE.serves(hash_of(WORKERS.replace(old, new)))
    assert BEFORE.short != hash_of(WORKERS.replace(old, new)).short


def test_a_group_that_is_appended_is_added_in_place():
    both = hash_of(WORKERS + SECOND)
    assert BEFORE.serves(both)
    assert not both.serves(BEFORE)


def test_what_is_outside_of_the_cluster_does_not_count():
    assert hash_of(WORKERS, spec="rayClusterDeletionDelaySeconds: 5") == BEFORE
