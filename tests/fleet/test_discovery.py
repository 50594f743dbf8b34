"""Endpoints of backends, out of manifests as users write them."""

from __future__ import annotations

from modelyard.fleet.backends import EndpointSpec
from modelyard.fleet.discovery import UrlEndpoint, backends_of
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.pod_endpoints import PodEndpoint
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet


def resources(text: str) -> ResourceSet:
    result = load_documents(text, "test.yaml")
    assert not result.errors, result.errors
    found, errors = ResourceSet.of(result.objects)
    assert not errors
    return found


def pool(name: str, namespace: str = "default") -> BackendKey:
    return BackendKey(kind="InferencePool", namespace=namespace, name=name)


def service(name: str, port: int) -> BackendKey:
    return BackendKey(kind="Service", namespace="default", name=name, port=port)


def shown(specs: tuple[EndpointSpec, ...]) -> list[tuple[str, bool]]:
    return [(spec.endpoint.address, spec.ready) for spec in specs]


POOL = """
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: llama, namespace: default}
spec:
  selector: {matchLabels: {app: llama}}
  targetPorts: [{number: 8000}, {number: 8001}]
  endpointPickerRef: {name: epp, port: {number: 9002}}
---
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: llama, llm-d.ai/engine-type: sglang}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.1, phase: Running, conditions: [{type: Ready, status: "True", reason: Passed}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: llama}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.2, phase: Running, conditions: [{type: Ready, status: "False", reason: NotYet}]}
---
apiVersion: v1
kind: Pod
metadata: {name: elsewhere, namespace: other, labels: {app: llama}}
spec: {containers: [{name: c}]}
status: {podIP: 10.0.0.3, phase: Running}
"""


def test_endpoints_of_services_are_told_from_those_of_pools() -> None:
    found = backends_of(
        resources(
            POOL
            + """---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: llama}, ports: [{port: 80, targetPort: 8000}]}
"""
        )
    )
    assert [spec.from_service for spec in found[service("web", 80)].endpoints] == [True, True]
    assert not any(spec.from_service for spec in found[pool("llama")].endpoints)


def test_a_pool_takes_every_target_port_of_every_selected_pod_of_its_namespace() -> None:
    specs = backends_of(resources(POOL))[pool("llama")].endpoints
    assert shown(specs) == [
        ("10.0.0.1:8000", True),
        ("10.0.0.1:8001", True),
        ("10.0.0.2:8000", False),
        ("10.0.0.2:8001", False),
    ]
    assert specs[0].endpoint.engine == "sglang"
    assert specs[0].endpoint.name == "a"
    assert "not ready" in specs[2].reason


def test_the_old_pool_shape_takes_local_replicas() -> None:
    old = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferencePool
metadata: {name: old}
spec: {targetPortNumber: 8000, selector: {app: gemma}, extensionRef: {name: epp}}
"""
    local = [
        PodEndpoint(name="r-0", ip="127.8.0.1", labels={"app": "gemma"}, engine="vllm"),
        PodEndpoint(
            name="r-1", ip="127.0.0.1", labels={"app": "gemma"}, ready=False, reason="starting", port_map={8000: 18001}
        ),
        PodEndpoint(name="x", ip="127.8.0.3", labels={"app": "other"}),
    ]
    specs = backends_of(resources(old), local)[pool("old")].endpoints
    assert shown(specs) == [("127.8.0.1:8000", True), ("127.0.0.1:18001", False)]
    assert specs[0].endpoint.engine == "vllm"
    assert specs[1].reason == "starting"


SERVICES = """
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: http}
  - {name: plain, port: 8080}
  - {name: dns, port: 53, protocol: UDP}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, ports: [{name: http, containerPort: 8000}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: outside}
spec: {type: ExternalName, externalName: example.org, ports: [{port: 80}]}
"""


def test_a_service_finds_named_ports_in_the_pod_or_its_deployment() -> None:
    local = [
        PodEndpoint(name="w-0", ip="127.8.0.1", labels={"app": "web"}),
        PodEndpoint(name="w-1", ip="127.8.0.2", labels={"app": "web"}, ports={"http": 9000}),
    ]
    found = backends_of(resources(SERVICES), local)
    assert shown(found[service("web", 80)].endpoints) == [("127.8.0.1:8000", True), ("127.8.0.2:9000", True)]
    assert shown(found[service("web", 8080)].endpoints) == [("127.8.0.1:8080", True), ("127.8.0.2:8080", True)]
    assert service("web", 53) not in found
    assert found[service("outside", 80)].endpoints == ()


def test_a_named_port_that_no_container_has_gives_no_endpoint() -> None:
    text = SERVICES.replace("targetPort: http", "targetPort: grpc")
    local = [PodEndpoint(name="w-0", ip="127.8.0.1", labels={"app": "web"})]
    assert backends_of(resources(text), local)[service("web", 80)].endpoints == ()


def test_a_service_without_selector_or_slices_has_no_endpoints() -> None:
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {ports: [{port: 80}]}"
    local = [PodEndpoint(name="w-0", ip="127.8.0.1", labels={"app": "web"})]
    assert backends_of(resources(text), local)[service("s", 80)].endpoints == ()


SLICES = """
apiVersion: v1
kind: Service
metadata: {name: gemma}
spec: {ports: [{name: http, port: 80, targetPort: 8000}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: gemma-1, labels: {kubernetes.io/service-name: gemma, llm-d.ai/engine-type: ray}}
addressType: IPv4
ports: [{name: http, port: 8000}]
endpoints:
- {addresses: [127.1.0.1], conditions: {ready: true}}
- {addresses: [127.1.0.2], conditions: {ready: false}}
- {addresses: [127.1.0.3]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: gemma-2, labels: {kubernetes.io/service-name: gemma}}
addressType: IPv6
ports: [{name: http, port: 8000}]
endpoints: [{addresses: ["fd00::7"]}]
"""


def test_a_service_takes_its_endpoint_slices() -> None:
    specs = backends_of(resources(SLICES))[service("gemma", 80)].endpoints
    assert shown(specs) == [
        ("127.1.0.1:8000", True),
        ("127.1.0.2:8000", False),
        ("127.1.0.3:8000", True),
        ("[fd00::7]:8000", True),
    ]
    assert specs[0].endpoint.engine == "ray-serve"
    assert specs[3].endpoint.engine == ""


def test_not_ready_addresses_may_be_published() -> None:
    text = SLICES.replace("spec: {ports", "spec: {publishNotReadyAddresses: true, ports")
    assert all(ready for _, ready in shown(backends_of(resources(text))[service("gemma", 80)].endpoints))


def test_the_slice_decides_on_an_address_that_a_pod_has_too() -> None:
    text = SLICES.replace("spec: {ports", "spec: {selector: {app: gemma}, ports")
    local = [PodEndpoint(name="g-1", ip="127.1.0.2", labels={"app": "gemma"})]
    specs = backends_of(resources(text), local)[service("gemma", 80)].endpoints
    assert ("127.1.0.2:8000", False) in shown(specs)
    assert len(specs) == 4


def test_urls_make_a_backend_or_join_one() -> None:
    key = service("up", 80)
    urls = [UrlEndpoint(backend=key, address=address) for address in ("127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:1")]
    assert shown(backends_of(ResourceSet(), urls=urls)[key].endpoints) == [("127.0.0.1:1", True), ("127.0.0.1:2", True)]


def metrics_url(annotations: dict[str, str], ports: str = "[{number: 8000}]") -> str:
    text = POOL.replace("[{number: 8000}, {number: 8001}]", ports)
    local = [PodEndpoint(name="m", ip="127.8.0.9", labels={"app": "llama"}, annotations=annotations)]
    return backends_of(resources(text), local)[pool("llama")].endpoints[0].endpoint.metrics_url


def test_annotations_say_where_the_metrics_are() -> None:
    assert metrics_url({}) == ""
    assert metrics_url({"prometheus.io/port": "8080"}) == "http://127.8.0.9:8080/metrics"
    assert metrics_url({"prometheus.io/path": "/m"}) == "http://127.8.0.9:8000/m"
    assert metrics_url({"prometheus.io/port": "9400", "prometheus.io/path": "m"}) == "http://127.8.0.9:9400/metrics"
    assert metrics_url({"prometheus.io/port": "no port"}) == "http://127.8.0.9:8000/metrics"
    assert metrics_url({"prometheus.io/port": "99999"}) == "http://127.8.0.9:8000/metrics"


def test_an_annotation_that_names_one_of_several_target_ports_means_each_port_itself() -> None:
    ports = "[{number: 8001}, {number: 8000}]"
    assert metrics_url({"prometheus.io/port": "8000"}, ports) == "http://127.8.0.9:8001/metrics"


def test_a_metrics_annotation_of_a_port_number_range() -> None:
    assert metrics_url({"prometheus.io/port": "٣"}) == "http://127.8.0.9:8000/metrics"
