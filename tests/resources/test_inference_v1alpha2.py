from __future__ import annotations

import json

import pytest

from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import load_documents


@pytest.mark.parametrize(("port", "expected"), [(None, 9002), (9010, 9010)])
def test_the_old_shape_becomes_the_new_one(valid, port, expected):
    old = valid("OldInferencePool")
    old["spec"]["extensionRef"]["portNumber"] = port
    (pool,) = load_documents(json.dumps(old), "f.yaml").objects
    assert isinstance(pool, InferencePool)
    assert pool.api_version == "inference.networking.x-k8s.io/v1alpha2"
    assert pool.spec.selector.match_labels == {"app": "vllm"}
    assert [target.number for target in pool.spec.target_ports] == [8000]
    assert pool.spec.endpoint_picker_ref is not None
    assert pool.spec.endpoint_picker_ref.port is not None
    assert pool.spec.endpoint_picker_ref.port.number == expected
    assert pool.origin.source == "f.yaml"


def test_a_pool_without_a_picker(valid):
    old = valid("OldInferencePool")
    del old["spec"]["extensionRef"]
    (pool,) = load_documents(json.dumps(old), "f.yaml").objects
    assert isinstance(pool, InferencePool)
    assert pool.spec.endpoint_picker_ref is None
