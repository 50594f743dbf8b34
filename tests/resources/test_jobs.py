from __future__ import annotations

import pytest

from modelyard.resources.jobs import Job
from modelyard.resources.loading import LoadResult, load_documents

JOB = """
apiVersion: batch/v1
kind: Job
metadata: {%s}
spec:
  backoffLimit: %s
  template:
    spec:
      restartPolicy: %s
      containers: [{name: c, image: debian, volumeDevices: [{name: data, devicePath: /dev/xvda}]}]
      volumes: [{name: data, persistentVolumeClaim: {claimName: block}}]
"""


def load(metadata: str = "name: j", backoff: int = 2, policy: str = "Never") -> LoadResult:
    return load_documents(JOB % (metadata, backoff, policy), "j.yaml")


def job(metadata: str = "name: j", backoff: int = 2) -> Job:
    loaded = load(metadata, backoff)
    assert loaded.errors == ()
    (found,) = loaded.objects
    assert isinstance(found, Job)
    return found


def test_a_job_is_read() -> None:
    found = job()
    assert (found.spec.backoff_limit, found.spec.active_deadline_seconds) == (2, None)
    (container,) = found.spec.template.spec.containers
    assert [device.device_path for device in container.volume_devices] == ["/dev/xvda"]


def test_a_generated_name_follows_from_the_content() -> None:
    first, again, other = job("generateName: d-"), job("generateName: d-"), job("generateName: d-", backoff=3)
    assert first.metadata.name == again.metadata.name
    assert first.metadata.name.startswith("d-")
    assert len(first.metadata.name) == 7
    assert other.metadata.name != first.metadata.name
    assert job("name: own, generateName: d-").metadata.name == "own"


@pytest.mark.parametrize(
    ("loaded", "says"),
    [
        (load(metadata="labels: {}"), "metadata.name: is required"),
        (load(backoff=-1), "spec.backoffLimit: must be 0 or more"),
        (load(policy="Always"), "restartPolicy: must be written"),
    ],
)
def test_what_is_wrong_is_said(loaded: LoadResult, says: str) -> None:
    assert any(says in str(error) for error in loaded.errors)
