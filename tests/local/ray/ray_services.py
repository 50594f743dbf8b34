"""RayServices for the tests of this folder."""

from __future__ import annotations

import textwrap

from modelyard.local.ray.ray_context import RayContext
from modelyard.local.replica_plan import Machine
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

MACHINE = Machine(has_gpu=False, cores=2, memory_bytes=24 << 30, node_name="yard", loopback_range=True)
CONTEXT = RayContext(home="/yard", machine=MACHINE, python="/engine/bin/python", has_vllm=True)

ORDINARY = """
applications:
- name: hello
  route_prefix: /
  import_path: app:build
  args: {text: one}
"""


def manifest(serve_config: str = ORDINARY, name: str = "hello", cluster: str = "", spec: str = "") -> str:
    """One RayService. ``cluster`` and ``spec``: lines that are added below those fields."""
    return (
        "apiVersion: ray.io/v1\nkind: RayService\n"
        f"metadata: {{name: {name}}}\n"
        "spec:\n" + textwrap.indent(textwrap.dedent(spec).strip(), "  ") + "\n"
        "  serveConfigV2: |\n" + textwrap.indent(serve_config.strip(), "    ") + "\n"
        "  rayClusterConfig:\n"
        "    rayVersion: 2.54.0\n" + textwrap.indent(textwrap.dedent(cluster or HEAD).strip(), "    ") + "\n"
    )


HEAD = """
headGroupSpec:
  rayStartParams: {dashboard-host: 0.0.0.0, num-cpus: "0"}
  template:
    metadata:
      labels: {app: hello}
    spec:
      containers:
      - name: ray-head
        image: rayproject/ray:2.54.0
        ports:
        - {containerPort: 8000, name: serve}
"""

WORKERS = (
    HEAD
    + """
workerGroupSpecs:
- groupName: first
  replicas: 2
  minReplicas: 1
  maxReplicas: 3
  rayStartParams:
    resources: '"{\\"accelerator_type:L4\\": 2, \\"disk\\": 1}"'
    block: "true"
  template:
    metadata:
      labels: {tier: worker}
    spec:
      containers:
      - name: ray-worker
        image: rayproject/ray:2.54.0
        env:
        - {name: RAY_SERVE_ENABLE_HA_PROXY, value: "1"}
        - {name: COLOUR, value: green}
        - name: HUGGING_FACE_HUB_TOKEN
          valueFrom: {secretKeyRef: {name: hf-secret, key: token}}
        resources:
          requests: {cpu: "6"}
      - name: fetch
        image: busybox
"""
)


def resources(*manifests: str) -> ResourceSet:
    """All of them together; they are free of errors."""
    loaded = [load_documents(text.encode(), "ray.yaml") for text in manifests]
    assert not [error for one in loaded for error in one.errors], [str(e) for one in loaded for e in one.errors]
    found, errors = ResourceSet.of([item for one in loaded for item in one.objects])
    assert not errors
    return found
