from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.local.environment import Sources
from modelyard.local.replica_plan import LocalFile
from modelyard.local.volumes import Places, VolumePlan, plan_volumes, rewrite_paths
from modelyard.resources.core import ConfigMap, Secret
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.pods import PodSpec
from modelyard.resources.source_table import source_table

PLACES = Places(directory="/y/replicas/r", claims="/y/volumes/default", sources={"models": "demo://"})
SOURCES = Sources(
    namespace="default",
    secrets={"s": Secret(api_version="v1", kind="Secret", metadata=ObjectMeta(name="s"), data={"key": b"\x00v"})},
    config_maps={
        "c": ConfigMap(
            api_version="v1",
            kind="ConfigMap",
            metadata=ObjectMeta(name="c"),
            data={"a": "1", "b": "2"},
            binary_data={"bin": b"\xff"},
        )
    },
)


def bucket(**attributes: str) -> dict[str, Any]:
    return {"csi": {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": attributes}}


def planned(*volumes: dict[str, Any], places: Places = PLACES, **mount: Any) -> VolumePlan:
    mounts = [{"name": volume["name"], "mountPath": f"/mnt/{volume['name']}", **mount} for volume in volumes]
    spec = msgspec.convert({"containers": [{"name": "c", "volumeMounts": mounts}], "volumes": list(volumes)}, PodSpec)
    return plan_volumes(spec, spec.containers[0], SOURCES, places, {"WHO": "me"})


def test_config_maps_and_secrets_become_files() -> None:
    plan = planned(
        {"name": "conf", "configMap": {"name": "c", "items": [{"key": "a", "path": "deep/a.txt", "mode": 0o600}]}},
        {"name": "sec", "secret": {"secretName": "s"}},
    )
    assert plan.files == (
        LocalFile(path="volumes/conf/deep/a.txt", content=b"1", mode=0o600),
        LocalFile(path="volumes/sec/key", content=b"\x00v", mode=0o600),
    )
    assert plan.paths == {"/mnt/conf": "/y/replicas/r/volumes/conf", "/mnt/sec": "/y/replicas/r/volumes/sec"}


def test_a_whole_config_map_has_its_binary_keys() -> None:
    files = planned({"name": "conf", "configMap": {"name": "c"}}).files
    assert {file.path: file.content for file in files} == {
        "volumes/conf/a": b"1",
        "volumes/conf/b": b"2",
        "volumes/conf/bin": b"\xff",
    }


@pytest.mark.parametrize(
    ("volume", "local"),
    [
        ({"emptyDir": {}}, "/y/replicas/r/volumes/v"),
        ({}, "/y/replicas/r/volumes/v"),
        ({"hostPath": {"path": "/data/"}}, "/data"),
        ({"persistentVolumeClaim": {"claimName": "pvc"}}, "/y/volumes/default/pvc"),
        ({"csi": {"driver": "gcsfuse.csi.storage.gke.io"}}, "/y/volumes/default/v"),
    ],
)
def test_where_each_source_lies(volume: dict[str, Any], local: str) -> None:
    plan = planned({"name": "v", **volume})
    assert plan.paths == {"/mnt/v": local}
    assert plan.settings[0].change == f"-> {local}"


@pytest.mark.parametrize(
    ("volume", "origin"),
    [
        ({"persistentVolumeClaim": {"claimName": "models"}}, "demo://"),
        (bucket(bucketName="b"), "gs://b"),
        (bucket(bucketName="b", mountOptions="implicit-dirs,only-dir=/x/y/,ro"), "gs://b/x/y"),
    ],
)
def test_what_a_volume_holds_is_known(volume: dict[str, Any], origin: str) -> None:
    assert planned({"name": "v", **volume}).origins == {"/mnt/v": origin}


def test_a_sub_path_is_a_part_of_what_the_volume_holds() -> None:
    assert planned({"name": "v", **bucket(bucketName="b")}, subPath="a/b").origins == {"/mnt/v": "gs://b/a/b"}


@pytest.mark.parametrize("name", ["/mnt/v", "gs://b"])
def test_a_mount_may_be_said_to_be_a_folder(name: str) -> None:
    places = msgspec.structs.replace(PLACES, table=source_table([(name, "/disk/")]))
    plan = planned({"name": "v", **bucket(bucketName="b")}, places=places)
    assert plan.paths == {"/mnt/v": "/disk"}


def test_sub_paths() -> None:
    volume = {"name": "v", "emptyDir": {}}
    assert planned(volume, subPath="a/b").paths == {"/mnt/v": "/y/replicas/r/volumes/v/a/b"}
    assert planned(volume, subPathExpr="of-$(WHO)").paths == {"/mnt/v": "/y/replicas/r/volumes/v/of-me"}
    assert "leads out" in planned(volume, subPath="../../etc").missing[0]


@pytest.mark.parametrize(
    ("volume", "missing"),
    [
        ({"configMap": {"name": "none"}}, "ConfigMap default/none is in no manifest"),
        ({"secret": {"secretName": "none"}}, "Secret default/none is in no manifest"),
        ({"configMap": {"name": "c", "items": [{"key": "z", "path": "z"}]}}, "ConfigMap c has no key z"),
        ({"configMap": {"name": "c", "items": [{"key": "a", "path": "../../x"}]}}, "leads out of the volume"),
    ],
)
def test_what_is_missing(volume: dict[str, Any], missing: str) -> None:
    assert any(missing in one for one in planned({"name": "v", **volume}).missing)


def test_optional_sources_may_be_missing() -> None:
    assert planned({"name": "v", "configMap": {"name": "none", "optional": True}}).missing == ()


def test_shared_memory_stays_where_it_is() -> None:
    plan = planned({"name": "shm", "emptyDir": {"medium": "Memory"}}, mountPath="/dev/shm")
    assert plan.paths == {}
    assert plan.settings[0].change == "left as it is"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/models/llama", "/here/llama"),
        ("--model=/models/llama", "--model=/here/llama"),
        ("a=/models/a,b=/models/b", "a=/here/a,b=/here/b"),
        ('{"path": "/models/x"}', '{"path": "/here/x"}'),
        ("/models", "/here"),
        ("/models/cache/x", "/fast/x"),
        ("/models-old/x", "/models-old/x"),
        ("/data/models/x", "/data/models/x"),
        ("org/models", "org/models"),
        ("https://host/models/x", "https://host/models/x"),
    ],
)
def test_rewriting_paths(text: str, expected: str) -> None:
    assert rewrite_paths(text, {"/models": "/here", "/models/cache": "/fast", "/": "/root"}) == expected
