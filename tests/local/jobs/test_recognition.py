from __future__ import annotations

import pytest

from modelyard.local.environment import Sources
from modelyard.local.jobs.job_plan import CopyStep, JobPlan
from modelyard.local.jobs.recognition import JobContext, plan_job
from modelyard.local.model_files import ModelSources
from modelyard.resources.jobs import Job
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import source_table

DOWNLOAD = """
apiVersion: batch/v1
kind: Job
metadata: {name: hf-model-to-gcs}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: OnFailure
      containers:
        - name: hf
          image: registry/cloud-sdk:slim
          command: [/bin/sh, -c]
          args: [/scripts/run.sh]
          env:
            - {name: HF_TOKEN_PATH, value: /var/run/secrets/huggingface.co/token}
            - {name: HF_MAX_WORKERS, value: "2"}
            - {name: HF_XET_CACHE, value: /local/hf/xet}
            - {name: MODEL_ID, valueFrom: {configMapKeyRef: {name: download, key: MODEL_ID}}}
            - {name: MODEL_BUCKET_NAME, valueFrom: {configMapKeyRef: {name: download, key: MODEL_BUCKET_NAME}}}
            - {name: REPLACE_EXISTING, value: "true"}
          volumeMounts: [{name: token, mountPath: /var/run/secrets/huggingface.co}]
      volumes: [{name: token, secret: {secretName: hf}}]
"""
CONFIG = """
apiVersion: v1
kind: ConfigMap
metadata: {name: download}
data: {MODEL_ID: google/Gemma-2-9b-it, MODEL_BUCKET_NAME: models}
---
apiVersion: v1
kind: Secret
metadata: {name: hf}
stringData: {token: "hunter2\\n"}
"""
COPY = """
apiVersion: batch/v1
kind: Job
metadata: {name: copy}
spec:
  activeDeadlineSeconds: 7200
  backoffLimit: 2
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: dldr
          image: debian:latest
          command: [/bin/sh, -c]
          args:
            - |
              mkfs.ext4 -FF /dev/xvda
              fuse2fs -o fakeroot /dev/xvda /mnt
              mkdir -p /mnt/tuned
              cp -r /data/models/tuned/run-1 /mnt/tuned
          volumeDevices: [{name: data, devicePath: /dev/xvda}]
          volumeMounts: [{name: weights, mountPath: /data/models}]
      volumes:
        - {name: data, persistentVolumeClaim: {claimName: block}}
        - {name: weights, csi: {driver: gcsfuse.csi.storage.gke.io, volumeAttributes: {bucketName: kr-finetune}}}
"""


def planned(*documents: str, **sources: str) -> JobPlan:
    loaded = load_documents("---".join(documents), "j.yaml")
    assert loaded.errors == ()
    resources, _ = ResourceSet.of(loaded.objects)
    (job,) = resources.jobs.values()
    assert isinstance(job, Job)
    objects = Sources(
        namespace="default",
        secrets={name: one for (_, name), one in resources.secrets.items()},
        config_maps={name: one for (_, name), one in resources.config_maps.items()},
    )
    names = {
        "bucket": "gs://models",
        "tuned": "gs://kr-finetune",
        "model": "google/Gemma-2-9b-it",
        "run": "/data/models/tuned/run-1",
    }
    table = source_table([(names[name], where) for name, where in sources.items()])
    return plan_job(job, JobContext(home="/y", objects=objects, models=ModelSources(table=table)))


def test_a_download_keeps_the_case_and_goes_to_the_buckets_folder() -> None:
    plan = planned(DOWNLOAD, CONFIG, bucket="/disk/models")
    assert plan.steps == (
        CopyStep(
            name="google/Gemma-2-9b-it", source="google/Gemma-2-9b-it", target="/disk/models/google/Gemma-2-9b-it"
        ),
    )
    assert (plan.backoff_limit, plan.token, plan.problem, plan.reason) == (0, "hunter2", "", "")
    assert "hunter2" not in str(plan.settings)
    assert {row.setting for row in plan.settings} >= {"image", "env HF_MAX_WORKERS", "env REPLACE_EXISTING"}


def test_a_download_may_be_taken_from_elsewhere() -> None:
    plan = planned(DOWNLOAD, CONFIG, bucket="/disk", model="demo://demo-llama")
    assert [step.source for step in plan.steps] == ["demo://demo-llama"]


def test_without_the_buckets_folder_the_flag_is_said() -> None:
    assert "--source gs://models=/a/folder" in planned(DOWNLOAD, CONFIG).problem
    assert "ConfigMap default/download is in no manifest" in planned(DOWNLOAD).problem


@pytest.mark.parametrize("model", ["../x", "a/../../b", "/etc"])
def test_a_model_never_leads_out_of_the_bucket(model: str) -> None:
    assert planned(DOWNLOAD, CONFIG.replace("google/Gemma-2-9b-it", model), bucket="/disk").problem


def test_a_copy_goes_from_the_bucket_to_the_claims_folder() -> None:
    plan = planned(COPY)
    assert [(step.source, step.target, step.others) for step in plan.steps] == [
        ("gs://kr-finetune/tuned/run-1", "/y/volumes/default/block/tuned/run-1", "keep")
    ]
    assert (plan.deadline, plan.backoff_limit) == (7200, 2)
    assert any("never formatted" in row.reason for row in plan.settings)


def test_a_bucket_or_a_path_may_be_said_to_be_elsewhere() -> None:
    assert [step.source for step in planned(COPY, tuned="/disk").steps] == ["/disk/tuned/run-1"]
    assert [step.source for step in planned(COPY, run="demo://demo-llama").steps] == ["demo://demo-llama"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("python validate.py", "does more than copy files (python validate.py)"),
        ("ls", "a program of its image"),
    ],
)
def test_any_other_job_says_why_it_is_not_run(line: str, says: str) -> None:
    plan = planned(COPY.replace("cp -r /data/models/tuned/run-1 /mnt/tuned", line))
    assert says in plan.reason
    assert plan.steps == ()


def test_a_copy_into_the_container_is_refused() -> None:
    assert "no volume" in planned(COPY.replace("/mnt/tuned\n", "/tmp/x\n").replace("mkdir -p /mnt/tuned", "ls")).problem
