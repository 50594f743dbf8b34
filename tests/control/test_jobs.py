from __future__ import annotations

import asyncio
from pathlib import Path

from modelyard.control.jobs import YardJobs
from modelyard.local.home import Home
from modelyard.local.weights_provider import FoldersOnly
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable, source_table

JOBS = """
apiVersion: batch/v1
kind: Job
metadata: {generateName: copy-model-}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: copy
          image: debian:latest
          command: [/bin/sh, -c, "mkdir -p /mnt/tuned && cp -r /data/models/tuned/experiment-1 /mnt/tuned"]
          volumeMounts: [{name: disk, mountPath: /mnt}, {name: bucket, mountPath: /data/models}]
      volumes:
        - {name: disk, persistentVolumeClaim: {claimName: model-disk}}
        - {name: bucket, csi: {driver: gcsfuse.csi.storage.gke.io, volumeAttributes: {bucketName: finetuned}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: evaluate}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: job, image: IMAGE_URL, command: [/bin/sh, -c, "ACTION=predict python validate.py"]}]
"""
RESOURCES, _ = ResourceSet.of(load_documents(JOBS, "jobs.yaml").objects)


def run(tmp_path: Path, table: SourceTable, *, needs_files: bool = True) -> tuple[YardJobs, list[dict[str, object]]]:
    """The Jobs after they have ended, and their statuses."""

    async def ended() -> tuple[YardJobs, list[dict[str, object]]]:
        changed = asyncio.Event()
        jobs = YardJobs(Home.at(tmp_path), FoldersOnly(), needs_files=needs_files, on_change=changed.set)
        jobs.apply(RESOURCES, table)
        async with asyncio.timeout(30):
            while any(status.ended is None for status in jobs.statuses()):
                await changed.wait()
                changed.clear()
        found = [jobs.status_of("default", name) for _, name in RESOURCES.jobs]
        await jobs.stop()
        return jobs, [one for one in found if one is not None]

    return asyncio.run(ended())


def test_a_copy_is_made_and_has_the_status_that_kubernetes_gives(tmp_path: Path) -> None:
    source = tmp_path / "bucket" / "tuned" / "experiment-1"
    source.mkdir(parents=True)
    (source / "config.json").write_text("{}")
    jobs, (status,) = run(tmp_path / "home", source_table([("gs://finetuned", str(tmp_path / "bucket"))]))
    assert (status["succeeded"], status["failed"], status["active"]) == (1, 0, 0)
    assert "completionTime" in status
    copied = tmp_path / "home" / "volumes" / "default" / "model-disk" / "tuned" / "experiment-1" / "config.json"
    assert copied.read_text() == "{}"
    ((what, reason),) = [(row["what"], row["reason"]) for row in jobs.skipped()]
    assert what == "Job default/evaluate"
    assert "python validate.py" in reason


def test_the_simulator_needs_no_files(tmp_path: Path) -> None:
    jobs, statuses = run(tmp_path, SourceTable(), needs_files=False)
    assert statuses == []
    assert len(jobs.skipped()) == 2
