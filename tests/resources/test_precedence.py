from __future__ import annotations

from modelyard.resources.core import ConfigMap
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.precedence import age_key


def of(name, created=None, namespace="default"):
    meta = ObjectMeta(name=name, namespace=namespace, creation_timestamp=created)
    return ConfigMap(api_version="v1", kind="ConfigMap", metadata=meta)


def test_oldest_first_then_by_name():
    objects = [
        of("b"),
        of("a"),
        of("z", namespace="alpha"),
        of("new", "2025-01-01T00:00:00Z"),
        of("old", "2024-12-31T23:30:00-01:00"),
        of("older", "2024-01-01T00:00:00Z"),
    ]
    order = [resource.metadata.name for resource in sorted(objects, key=age_key)]
    assert order == ["older", "new", "old", "z", "a", "b"]
