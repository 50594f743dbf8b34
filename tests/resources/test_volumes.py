from __future__ import annotations

import msgspec
import pytest

from modelyard.resources.volumes import Volume


@pytest.mark.parametrize(
    ("written", "source"),
    [
        ({}, "emptyDir"),
        ({"emptyDir": {}}, "emptyDir"),
        ({"configMap": {"name": "c"}}, "configMap"),
        ({"persistentVolumeClaim": {"claimName": "c"}}, "persistentVolumeClaim"),
        ({"downwardAPI": {}}, "downwardAPI"),
        ({"csi": {"driver": "d", "volumeAttributes": {"bucketName": "b"}}}, "csi"),
    ],
)
def test_source(written, source):
    assert msgspec.convert({"name": "v", **written}, Volume).source == source
