from __future__ import annotations

import msgspec
import pytest

from modelyard.local.environment import Environment, PodFacts, Sources, build_environment, expand
from modelyard.resources.core import ConfigMap, Secret
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.pods import Container

POD = PodFacts(
    fields={"metadata.name": "m-0", "status.podIP": "127.8.1.1"}, labels={"app": "m"}, annotations={"a/b": "c"}
)
SOURCES = Sources(
    namespace="default",
    secrets={
        "token": Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="token"), data={"key": b"s3cret"})
    },
    config_maps={
        "config": ConfigMap(
            api_version="v1", kind="ConfigMap", metadata=ObjectMeta(name="config"), data={"A": "1", "B": "2"}
        )
    },
)


def built(**fields: object) -> Environment:
    return build_environment(msgspec.convert({"name": "c", **fields}, Container), SOURCES, POD)


def test_references_see_what_stands_before_them_only() -> None:
    env = [
        {"name": "LATE", "value": "$(BASE)"},
        {"name": "BASE", "value": "x"},
        {"name": "FULL", "value": "$(BASE)/$(NONE)/$$(BASE)"},
    ]
    assert built(env=env).values == {"LATE": "$(BASE)", "BASE": "x", "FULL": "x/$(NONE)/$(BASE)"}


def test_every_source() -> None:
    env = [
        {"name": "SECRET", "valueFrom": {"secretKeyRef": {"name": "token", "key": "key"}}},
        {"name": "URL", "value": "http://$(SECRET)@host"},
        {"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "A"}}},
        {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
        {"name": "NOTE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.annotations['a/b']"}}},
        {"name": "CPU", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
        {"name": "MIB", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Mi"}}},
    ]
    result = built(env=env, resources={"limits": {"cpu": "1500m", "memory": "1Gi"}})
    assert result.values == {
        "SECRET": "s3cret",
        "URL": "http://s3cret@host",
        "CONFIG": "1",
        "IP": "127.8.1.1",
        "LABEL": "m",
        "NOTE": "c",
        "CPU": "2",
        "MIB": "1024",
    }
    assert result.secret == {"SECRET", "URL"}
    assert result.missing == {}


def test_env_from_comes_first_and_env_wins() -> None:
    result = built(
        envFrom=[{"configMapRef": {"name": "config"}}, {"secretRef": {"name": "token"}, "prefix": "S_"}],
        env=[{"name": "B", "value": "own $(A)"}],
    )
    assert result.values == {"A": "1", "B": "own 1", "S_key": "s3cret"}
    assert result.secret == {"S_key"}


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"secretKeyRef": {"name": "none", "key": "k"}}, "Secret default/none is in no manifest; add it (key k)"),
        ({"secretKeyRef": {"name": "token", "key": "k"}}, "Secret default/token has no key k"),
        ({"configMapKeyRef": {"name": "none", "key": "k"}}, "ConfigMap default/none is in no manifest"),
        ({"fieldRef": {"fieldPath": "spec.magic"}}, "field spec.magic is not known here"),
        ({"resourceFieldRef": {"resource": "limits.gpu"}}, "container c has no limits.gpu"),
        ({}, "names no source"),
    ],
)
def test_what_is_missing_is_named(source: dict[str, object], why: str) -> None:
    result = built(env=[{"name": "X", "valueFrom": source}])
    assert why in result.missing["X"]
    assert "X" not in result.values


def test_optional_sources_may_be_missing() -> None:
    result = built(
        env=[{"name": "X", "valueFrom": {"secretKeyRef": {"name": "none", "key": "k", "optional": True}}}],
        envFrom=[{"configMapRef": {"name": "none", "optional": True}}],
    )
    assert result == Environment(values={})


def test_expand_leaves_unknown_references() -> None:
    assert expand("$(A)-$(B)-$$-$A", {"A": "1"}) == "1-$(B)-$-$A"
