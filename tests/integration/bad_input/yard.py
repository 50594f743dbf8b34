"""The gateway under test with all that its manifests name.

Hosts are the gateway's doors: ``models.test`` routes by the body's model, ``pool.test`` sends every path to one pool,
``plain.test`` streams to a recorder without reading bodies, ``read.test`` reads bodies for the same recorder.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from strict_recorder import Recorder
from watched_gateway import WatchedGateway, until

from .backends import Backends, Sim
from .wire import Answer, Wire

MAX_BODY = 1024 * 1024
_LONG = {"max_model_len": 1_000_000, "num_blocks": 100_000, "prefill_s_per_token": 0.0}
"""A context that the largest body allowed here fits in."""

_GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: any, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""

_BROKEN = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: broken}
spec:
  parentRefs: [{name: gw}]
  hostnames: [broken.test]
  rules:
  - matches: [{path: {value: /missing}}]
    backendRefs: [{name: nothing, port: 80}]
  - matches: [{path: {value: /not-permitted}}]
    backendRefs: [{name: recorder, namespace: elsewhere, port: 80}]
  - matches: [{path: {value: /no-such-kind}}]
    backendRefs: [{group: example.com, kind: Bucket, name: recorder}]
  - matches: [{path: {value: /no-such-port}}]
    backendRefs: [{name: recorder, port: 81}]
---
apiVersion: v1
kind: Service
metadata: {name: recorder, namespace: elsewhere}
spec: {ports: [{port: 80}]}
"""

_MODELS = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: shed-batch}
spec: {modelName: shed-batch, criticality: Sheddable, targetModels: [{name: shed}], poolRef: {name: shed}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceObjective
metadata: {name: background}
spec: {priority: -5, poolRef: {name: shed}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha1
kind: EndpointPickerConfig
metadata: {name: tight}
featureGates: [flowControl]
plugins:
- {type: concurrency-detector, parameters: {maxConcurrency: 1}}
flowControl:
  defaultRequestTTL: 3s
  saturationDetector: {pluginRef: concurrency-detector}
  defaultPriorityBand: {maxRequests: 2}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: alias}
spec: {modelName: alias, targetModels: [{name: solo}], poolRef: {name: solo}}
---
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModel
metadata: {name: counted}
spec: {modelName: counted, targetModels: [{name: solo}], poolRef: {name: solo}}
"""


class Yard:
    """Everything that a test here may touch."""

    def __init__(self, gateway: WatchedGateway, backends: Backends, recorder: Recorder, sims: dict[str, list[Sim]]):
        self.gateway = gateway
        self.backends = backends
        self.recorder = recorder
        self.sims = sims

    def wire(self, timeout: float = 15.0) -> Wire:
        return Wire(self.gateway.place, timeout)

    def ask(self, request: bytes) -> Answer:
        """One request on a connection of its own."""
        with self.wire() as wire:
            return wire.send(request).answer(request.split(b" ")[0].decode("latin-1"))

    def settle(self) -> None:
        """Before a test: every endpoint healthy and in traffic, nothing open, nothing remembered."""
        self.backends.heal()
        self.recorder.clear()
        until(self.gateway.all_ready, "every endpoint ready", 40.0)
        until(lambda: not self.gateway.in_flight(), "nothing in flight")

    def all_released(self) -> None:
        """After a test: every counter is back where it was, and no worker died."""
        gateway = self.gateway
        until(lambda: not gateway.in_flight() and not gateway.metric("modelyard_open_exchanges"), "nothing in flight")
        until(lambda: not any(sim.working for sims in self.sims.values() for sim in sims), "the engines stop")
        assert gateway.restarts() == 0

    def reached(self) -> list[str]:
        """Paths that reached any simulated server."""
        return [request.path for sims in self.sims.values() for sim in sims for request in sim.requests]


@contextmanager
def running_yard(folder: Path, host: str) -> Iterator[Yard]:
    """Start everything, the gateway on ``host``; ends with the block."""
    with Backends() as backends:
        sims = {
            "pair": [backends.sim(model="pair", seed=seed, **_LONG, ttft_s=0.0, itl_s=0.002) for seed in (1, 2)],
            "solo": [backends.sim(model="solo", lora={"solo-adapter": "/x"}, ttft_s=0.0, itl_s=0.005)],
            "tight": [backends.sim(model="tight", ttft_s=0.0, itl_s=0.02)],
            "shed": [backends.sim(model="shed", max_num_seqs=1, ttft_s=0.0, itl_s=0.02)],
        }
        recorder = backends.recorder()
        options = ("--max-body", str(MAX_BODY >> 20))
        with WatchedGateway(folder, _manifests(sims, recorder), *options, bind=host) as gateway:
            yield Yard(gateway, backends, recorder, sims)


def _manifests(sims: dict[str, list[Sim]], recorder: Recorder) -> str:
    pools = {name: [int(sim.address.rpartition(":")[2]) for sim in group] for name, group in sims.items()}
    documents = [_GATEWAY, _BROKEN, _MODELS, _service("recorder", recorder.address)]
    documents += [_pool(name, ports) for name, ports in pools.items()]
    documents += [_pool("empty", [9])[: _pool("empty", [9]).index("---")]]
    documents += [_model_route(name, name) for name in (*pools, "empty")]
    documents += [_model_route("solo", name) for name in ("solo-adapter", "alias", "counted")]
    documents += [_model_route("shed", "shed-batch"), _any_route("pool.test", _pool_ref("solo"))]
    documents += [_any_route("pair.test", _pool_ref("pair"), "{backendRequest: 400ms}")]
    documents += [_any_route("deadline.test", _pool_ref("pair"), "{request: 600ms}")]
    documents += [_any_route("plain.test", "{name: recorder, port: 80}"), _read_route()]
    return "\n---\n".join(documents)


def _pool(name: str, ports: Iterable[int]) -> str:
    numbers = ", ".join(f"{{number: {port}}}" for port in ports)
    return f"""
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {{name: {name}}}
spec: {{selector: {{matchLabels: {{app: {name}}}}}, targetPorts: [{numbers}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: {name}-0, labels: {{app: {name}}}}}
spec: {{containers: [{{name: vllm, image: vllm}}]}}
status: {{podIP: 127.0.0.1, phase: Running, conditions: [{{type: Ready, status: "True"}}]}}
"""


def _service(name: str, address: str) -> str:
    host, _, port = address.rpartition(":")
    return f"""
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec: {{ports: [{{name: http, port: 80, targetPort: {port}}}]}}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-1, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}, protocol: TCP}}]
endpoints: [{{addresses: [{host}], conditions: {{ready: true}}}}]
"""


def _pool_ref(name: str) -> str:
    return f"{{group: inference.networking.k8s.io, kind: InferencePool, name: {name}}}"


def _model_route(pool: str, model: str) -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: model-{model}}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [models.test]
  rules:
  - matches: [{{headers: [{{name: X-Gateway-Model-Name, value: {model}}}]}}]
    backendRefs: [{_pool_ref(pool)}]
"""


def _any_route(host: str, backend: str, timeouts: str = "{}") -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {{name: {host.partition(".")[0]}-any}}
spec:
  parentRefs: [{{name: gw}}]
  hostnames: [{host}]
  rules:
  - timeouts: {timeouts}
    backendRefs: [{backend}]
"""


def _read_route() -> str:
    """Bodies are read, since a match asks for the model; what names another or none goes to the recorder all the
    same."""
    return """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: read}
spec:
  parentRefs: [{name: gw}]
  hostnames: [read.test]
  rules:
  - matches: [{headers: [{name: X-Gateway-Model-Name, value: somewhere-else}]}]
    backendRefs: [{name: nothing, port: 80}]
  - backendRefs: [{name: recorder, port: 80}]
"""
