from __future__ import annotations

import pytest

from modelyard.resources.core import PodStatus, Secret
from modelyard.resources.metadata import Condition, ObjectMeta


def test_secret_values_come_from_both_fields():
    secret = Secret(
        api_version="v1",
        kind="Secret",
        metadata=ObjectMeta(name="s"),
        data={"a": b"1", "b": b"2"},
        string_data={"b": "two"},
    )
    assert [secret.value(key) for key in ("a", "b", "c")] == [b"1", b"two", None]
    assert secret.keys() == ("a", "b")
    assert "two" not in repr(secret)


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        (PodStatus(), False),
        (PodStatus(pod_ip="10.0.0.1"), True),
        (PodStatus(pod_ip="10.0.0.1", phase="Succeeded"), False),
        (PodStatus(conditions=(Condition(type="Ready", status="True", reason=""),)), True),
        (PodStatus(pod_ip="1.1.1.1", conditions=(Condition(type="Ready", status="False", reason=""),)), False),
    ],
)
def test_pod_readiness(status, ready):
    assert status.ready is ready
