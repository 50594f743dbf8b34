from __future__ import annotations

import pytest

from modelyard.shortform.target import Setting, Target
from modelyard.shortform.volumes import claims, folders_to_fill, mounted, weights_path

from .yards import FOLDER, yard

ADAPTERS = [{"name": "food", "source": "demo://food-review"}, {"name": "sql", "source": "../sql"}]


def setting(source: str, target: Target) -> Setting:
    written = yard(models=[{"name": "Llama", "source": source, "adapters": ADAPTERS}])
    return Setting(yard=written, target=target, folder=FOLDER)


@pytest.mark.parametrize("target", Target)
def test_paths_inside_the_container_are_the_same_everywhere(target):
    made = setting("./llama", target)
    (model,) = made.yard.spec.models
    assert [weights_path(item) for item in model.served] == ["/weights/llama", "/models/food-review", "/weights/sql"]
    mounts = [mount["mountPath"] for mount in mounted(model, made).mounts]
    assert all(any(weights_path(item).startswith(mount) for mount in mounts) for item in model.served)


def test_on_this_machine_a_path_is_the_folder_itself_and_begins_at_the_file():
    made = setting("./llama", Target.LOCAL)
    volumes = mounted(made.yard.spec.models[0], made).volumes
    assert [item["hostPath"]["path"] for item in volumes if "hostPath" in item] == ["/srv/yard/llama", "/srv/sql"]
    assert [claim["metadata"]["name"] for claim in claims(made)] == ["demo-models"]
    (claim,) = claims(made)
    assert claim["metadata"]["annotations"] == {"modelyard.dev/weights": "demo://"}


def test_on_a_cluster_claims_hold_them():
    made = setting("/data/llama", Target.KUBERNETES)
    (model,) = made.yard.spec.models
    assert [claim["metadata"]["name"] for claim in claims(made)] == ["demo-models", "llama-weights"]
    assert [item["persistentVolumeClaim"]["claimName"] for item in mounted(model, made).volumes] == [
        "demo-models",
        "llama-weights",
    ]
    assert folders_to_fill(model) == [
        ("/models/food-review", "demo://food-review"),
        ("/weights/llama", "/data/llama"),
        ("/weights/sql", "../sql"),
    ]


BUCKET = {"driver": "gcsfuse.csi.storage.gke.io", "readOnly": True}


@pytest.mark.parametrize("target", Target)
def test_a_google_bucket_is_mounted_everywhere(target):
    made = setting("gs://bkt/a/b", target)
    volumes = {item["name"]: item for item in mounted(made.yard.spec.models[0], made).volumes}
    attributes = {"bucketName": "bkt", "mountOptions": "implicit-dirs,only-dir=a/b"}
    assert volumes["weights-llama"]["csi"] == {**BUCKET, "volumeAttributes": attributes}


def test_another_bucket_is_a_claim_that_says_so_here_and_is_to_be_filled_on_a_cluster():
    here, there = setting("s3://bkt/a", Target.LOCAL), setting("s3://bkt/a", Target.KUBERNETES)
    found = {claim["metadata"]["name"]: claim["metadata"].get("annotations") for claim in claims(here)}
    assert found["llama-bucket"] == {"modelyard.dev/weights": "s3://bkt/a"}
    assert [claim["metadata"]["name"] for claim in claims(there)] == ["demo-models", "llama-weights"]
    assert ("/weights/llama", "s3://bkt/a") in folders_to_fill(there.yard.spec.models[0])
