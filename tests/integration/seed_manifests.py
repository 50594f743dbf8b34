"""Published systems as a cluster has them: their manifests, unmodified, beside what Kubernetes and the original's tools
make of them there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

_UPSTREAM = Path(__file__).parents[2] / "examples" / "upstream"

_SLICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{name: http, port: 8000}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: 8000}}]
endpoints: {endpoints}
---
"""
_POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: vllm-llama3-8b-instruct}}}}
status: {{podIP: {ip}, phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
---
"""
LLAMA = "meta-llama/Llama-3.1-8B-Instruct"
_MODULE = f"""
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {{name: vllm-llama3-8b-instruct}}
spec:
  selector: {{app: vllm-llama3-8b-instruct}}
  targetPortNumber: 8000
  extensionRef: {{name: vllm-llama3-8b-instruct-epp}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {{name: base-model}}
spec:
  modelName: {LLAMA}
  criticality: Critical
  poolRef: {{name: vllm-llama3-8b-instruct}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {{name: food-review}}
spec:
  modelName: food-review
  criticality: Standard
  poolRef: {{name: vllm-llama3-8b-instruct}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {{name: drawings}}
spec:
  modelName: drawings
  criticality: Standard
  poolRef: {{name: vllm-llama3-8b-instruct}}
  targetModels: [{{name: cad-fabricator, weight: 100}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: inference-gateway}}
spec:
  gatewayClassName: gke-l7-rilb
  listeners: [{{name: http, port: 80, protocol: HTTP}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: vllm}}
spec:
  parentRefs: [{{name: inference-gateway}}]
  rules:
    - matches: [{{path: {{type: PathPrefix, value: /v1/completions}}}}]
      backendRefs:
        - {{group: inference.networking.x-k8s.io, kind: InferencePool, name: vllm-llama3-8b-instruct}}
"""
"""What the Terraform module makes of its variables; its route takes this one path."""
_BY_BASE_MODEL = f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: by-base-model}}
spec:
  parentRefs: [{{name: inference-gateway}}]
  rules:
    - matches: [{{headers: [{{name: X-Gateway-Base-Model-Name, value: {LLAMA}}}]}}]
      backendRefs:
        - {{group: inference.networking.x-k8s.io, kind: InferencePool, name: vllm-llama3-8b-instruct}}
"""
"""The other paths of the API, for the base model and for whatever adapter the ConfigMap names."""


def ray_clusters(hosts: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Two Ray clusters behind one address. ``hosts``: addresses of each Service, as KubeRay publishes them."""
    slices = [
        _SLICE.format(
            name=name, endpoints=yaml.safe_dump([{"addresses": [ip]} for ip in found], default_flow_style=True)
        )
        for name, found in hosts.items()
    ]
    return {**published("ray-clusters"), "kuberay.yaml": "".join(slices)}


def inference_gateway(hosts: Sequence[str]) -> dict[str, str]:
    """vLLM with two adapters behind an InferencePool. ``hosts``: addresses of its Pods."""
    pods = [_POD.format(name=f"vllm-llama3-8b-instruct-{at}", ip=ip) for at, ip in enumerate(hosts)]
    made = {"module.yaml": _MODULE, "by-base-model.yaml": _BY_BASE_MODEL, "pods.yaml": "".join(pods)}
    return {**published("inference-gateway"), **made}


def published(folder: str) -> dict[str, str]:
    """A published system as its page has it: file name -> text."""
    return {path.name: path.read_text() for path in sorted((_UPSTREAM / folder).glob("*.yaml"))}
