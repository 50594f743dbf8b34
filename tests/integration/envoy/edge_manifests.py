"""Two pools of the same endpoints, one that fails open and one that fails closed; by host, and by the body's model."""

_POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: {name}}}
spec:
  selector: {{matchLabels: {{app: engine}}}}
  targetPorts: [{{number: 8000}}]
  endpointPickerRef: {{name: {name}-epp, port: {{number: 9002}}, failureMode: {mode}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}}}
spec:
  parentRefs: [{{name: direct}}]
  hostnames: [{name}.test]
  rules:
    - backendRefs: [{{group: inference.networking.k8s.io, kind: InferencePool, name: {name}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {name}-by-model}}
spec:
  parentRefs: [{{name: by-model}}]
  rules:
    - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: {name}}}]}}]
      backendRefs: [{{group: inference.networking.k8s.io, kind: InferencePool, name: {name}}}]
---
"""
_GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec:
  gatewayClassName: modelyard
  listeners: [{{name: http, port: {port}, protocol: HTTP}}]
---
"""
_POD = """
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: engine}}}}
status: {{podIP: {ip}, phase: Running, conditions: [{{type: Ready, status: "{ready}"}}]}}
---
"""

DIRECT, BY_MODEL = 8080, 8081
"""Local ports of the two Gateways."""


def manifests(hosts: tuple[str, ...], unready: str) -> str:
    """The manifests for backends at ``hosts``, and one at ``unready`` that is not ready."""
    parts = [_GATEWAY.format(name="direct", port=DIRECT), _GATEWAY.format(name="by-model", port=BY_MODEL)]
    parts += [_POOL.format(name="open", mode="FailOpen"), _POOL.format(name="closed", mode="FailClose")]
    parts += [_POD.format(name=f"engine-{at}", ip=ip, ready=True) for at, ip in enumerate(hosts)]
    return "".join([*parts, _POD.format(name="unready", ip=unready, ready=False)])
