"""What the fuzzed gateway serves: every way a request can take through it."""

from __future__ import annotations

GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: models}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches:
    - {path: {value: /v1}}
    - {path: {value: /rerank}}
    - {path: {value: /tokenize}}
    - {path: {value: /classify}}
    - {path: {value: /pooling}}
    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web}
spec:
  parentRefs: [{name: gw}]
  rules:
  - matches: [{path: {value: /read}, headers: [{name: X-Gateway-Model-Name, value: m}]}, {path: {value: /read}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /rewritten}}]
    filters:
    - type: URLRewrite
      urlRewrite: {hostname: inner.test, path: {type: ReplacePrefixMatch, replacePrefixMatch: /in}}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /headers}}]
    filters:
    - type: RequestHeaderModifier
      requestHeaderModifier: {set: [{name: x-set, value: a}], add: [{name: cookie, value: b}], remove: [user-agent]}
    - type: ResponseHeaderModifier
      responseHeaderModifier: {set: [{name: x-set, value: a}], remove: [x-recorder]}
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /mirrored}}]
    filters: [{type: RequestMirror, requestMirror: {backendRef: {name: mirror, port: 80}}}]
    backendRefs: [{name: web, port: 80}]
  - matches: [{path: {value: /moved}}]
    filters: [{type: RequestRedirect, requestRedirect: {hostname: there.test, statusCode: 302}}]
  - matches: [{path: {value: /cors}}]
    filters: [{type: CORS, cors: {allowOrigins: ["http://a.test"], allowMethods: [GET], allowHeaders: [x-a]}}]
    backendRefs: [{name: web, port: 80}]
  - matches:
    - {path: {type: RegularExpression, value: "/regex/[0-9]+"}}
    - {path: {value: /q}, queryParams: [{name: a, value: b}]}
    backendRefs: [{name: web, port: 80, weight: 1}, {name: web, port: 80, weight: 3}]
  - backendRefs: [{name: web, port: 80}]
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: alias}
spec: {modelName: alias, targetModels: [{name: recorded}], poolRef: {name: pool}}
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: pool}
spec: {selector: {matchLabels: {app: pool}}, targetPorts: [PORTS]}
---
apiVersion: v1
kind: Pod
metadata: {name: pool-0, labels: {app: pool}}
spec: {containers: [{name: engine, image: engine}]}
status: {podIP: 127.0.0.1, phase: Running, conditions: [{type: Ready, status: "True"}]}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {ports: [{name: http, port: 80, targetPort: PORT}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: NAME-1, labels: {kubernetes.io/service-name: NAME}}
addressType: IPv4
ports: [{name: http, port: PORT, protocol: TCP}]
endpoints: [{addresses: [127.0.0.1], conditions: {ready: true}}]
"""


def manifests(pool: list[str], web: str, mirror: str) -> str:
    """The manifests for endpoints at these addresses (``127.0.0.1:port``)."""
    numbers = ", ".join(f"{{number: {_port(address)}}}" for address in pool)
    services = {"web": web, "mirror": mirror}
    return GATEWAY.replace("PORTS", numbers) + "".join(
        SERVICE.replace("NAME", name).replace("PORT", _port(address)) for name, address in services.items()
    )


def _port(address: str) -> str:
    return address.rpartition(":")[2]
