"""Which endpoints every backend has, from Pods, local replicas, EndpointSlices, Services and URLs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from modelyard.fleet import engines
from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey
from modelyard.fleet.health_sources import HealthSources, container_port
from modelyard.fleet.pod_endpoints import PodEndpoint, address_of, pod_endpoint, selected
from modelyard.fleet.slices import slice_endpoints
from modelyard.resources.core import Service, ServicePort
from modelyard.resources.inference import InferencePool
from modelyard.resources.resource_set import ResourceSet

PORT_ANNOTATION = "prometheus.io/port"
"""On a Pod: the port of its metrics, where that is not the engine's own (Ray: 8080)."""
PATH_ANNOTATION = "prometheus.io/path"


class UrlEndpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A server given by its address; all of one ``backend`` are its endpoints."""

    backend: BackendKey
    address: str
    """``host:port``."""
    name: str = ""
    """Empty: the address."""
    namespace: str = "default"
    labels: Mapping[str, str] = {}
    engine: str = ""
    """Empty: by label, else recognised."""


def backends_of(
    resources: ResourceSet, local: Sequence[PodEndpoint] = (), urls: Sequence[UrlEndpoint] = ()
) -> Mapping[BackendKey, BackendSpec]:
    """Every InferencePool and every TCP port of every Service, with its endpoints and how each is checked."""
    pods = (*local, *(p for p in map(pod_endpoint, resources.pods.values()) if p is not None))
    discovery = _Discovery(resources, pods)
    found: dict[BackendKey, list[EndpointSpec]] = {}
    for pool in resources.inference_pools.values():
        key = BackendKey(kind="InferencePool", namespace=pool.metadata.namespace, name=pool.metadata.name)
        found[key] = list(discovery.of_pool(key, pool))
    for service in resources.services.values():
        for port in service.spec.ports:
            if port.protocol == "TCP":
                key = _service_key(service, port)
                found[key] = list(discovery.of_service(key, service, port))
    for url in urls:
        endpoint = Endpoint(
            address=url.address,
            name=url.name or url.address,
            namespace=url.namespace,
            labels=url.labels,
            engine=url.engine or engines.labelled(url.labels),
        )
        found.setdefault(url.backend, []).append(EndpointSpec(endpoint=endpoint))
    return {key: BackendSpec(key=key, endpoints=_distinct(specs)) for key, specs in found.items()}


def _service_key(service: Service, port: ServicePort) -> BackendKey:
    meta = service.metadata
    return BackendKey(kind="Service", namespace=meta.namespace, name=meta.name, port=port.port)


def _distinct(specs: Iterable[EndpointSpec]) -> tuple[EndpointSpec, ...]:
    """The first spec of each address, in order."""
    first: dict[str, EndpointSpec] = {}
    for spec in specs:
        first.setdefault(spec.endpoint.address, spec)
    return tuple(first.values())


class _Discovery:
    """The Pods of one resource set and what is looked up for each of them."""

    def __init__(self, resources: ResourceSet, pods: Sequence[PodEndpoint]) -> None:
        self._pods = pods
        self._by_name = {(pod.namespace, pod.name): pod for pod in pods}
        self._health = HealthSources(resources)
        self._slices: dict[tuple[str, str], list[PodEndpoint]] = {}
        self._resources = resources

    def of_pool(self, key: BackendKey, pool: InferencePool) -> Iterator[EndpointSpec]:
        """One endpoint for each target port of each selected Pod (an empty selector takes none)."""
        labels = pool.spec.selector.match_labels
        numbers = [target.number for target in pool.spec.target_ports]
        for pod in self._pods if labels else ():
            if selected(labels, key.namespace, pod):
                for number in numbers:
                    yield self._spec(key, pod, number, serving_ports=numbers)

    def of_service(self, key: BackendKey, service: Service, port: ServicePort) -> Iterator[EndpointSpec]:
        """EndpointSlices first: where both name an address, the slice's readiness counts."""
        if service.spec.type == "ExternalName":
            return
        always = service.spec.publish_not_ready_addresses
        for pod, number in slice_endpoints(self._resources, service, port, self._by_name):
            yield self._spec(key, pod, number, always=always, from_service=True)
        target = port.target_port if port.target_port is not None else port.port
        for pod in self._pods if service.spec.selector else ():
            if selected(service.spec.selector, key.namespace, pod):
                named = self._number(pod, target)
                if named is not None:
                    yield self._spec(key, pod, named, always=always, from_service=True)

    def _number(self, pod: PodEndpoint, target: int | str) -> int | None:
        """The container port of a target port; a name is looked up in the Pod, then in its Deployment."""
        if isinstance(target, int):
            return target
        if target in pod.ports:
            return pod.ports[target]
        deployment = self._health.deployment(pod)
        return container_port(deployment, target) if deployment is not None else None

    def _spec(
        self,
        key: BackendKey,
        pod: PodEndpoint,
        number: int,
        *,
        serving_ports: Sequence[int] = (),
        always: bool = False,
        from_service: bool = False,
    ) -> EndpointSpec:
        port = pod.port_map.get(number, number)
        endpoint = Endpoint(
            address=address_of(pod.ip, port),
            name=pod.name or address_of(pod.ip, port),
            namespace=pod.namespace,
            labels=pod.labels,
            engine=pod.engine or engines.labelled(pod.labels),
            metrics_url=_metrics_url(pod, port, serving_ports),
        )
        ready = pod.ready or always
        return EndpointSpec(
            endpoint=endpoint,
            ready=ready,
            reason="" if ready else pod.reason or "not ready",
            health=self._health.check(key, pod, number),
            from_service=from_service,
        )


def _metrics_url(pod: PodEndpoint, serving: int, serving_ports: Sequence[int]) -> str:
    """The metrics address that the annotations give; empty without them or where they are no port and path.

    With several target ports each has metrics of its own, so an annotation that names one of them means its
    path.
    """
    if pod.metrics_url:
        return pod.metrics_url
    port_text, path = pod.annotations.get(PORT_ANNOTATION, ""), pod.annotations.get(PATH_ANNOTATION, "")
    if not port_text and not path:
        return ""
    number = int(port_text) if port_text.isascii() and port_text.isdigit() else 0
    own = 0 < number < 65536 and number not in serving_ports
    port = pod.port_map.get(number, number) if own else serving
    return f"http://{address_of(pod.ip, port)}{path if path.startswith('/') else '/metrics'}"
