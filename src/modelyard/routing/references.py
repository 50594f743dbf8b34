"""References from routes and Gateways to other objects: may they, and does the other object exist and fit?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from modelyard.resources.core import Service
from modelyard.resources.inference import OLD_POOL_GROUP, POOL_GROUP
from modelyard.resources.reference_grant import ReferenceGrant, ReferenceGrantTo
from modelyard.resources.references import GATEWAY_GROUP, BackendObjectReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.backends import BackendRef
from modelyard.routing.conditions import Fault

_POOL_GROUPS = (POOL_GROUP, OLD_POOL_GROUP)

_FOREIGN_PROTOCOLS = frozenset(
    {"kubernetes.io/h2c", "kubernetes.io/wss", "http2", "h2c", "https", "tls", "grpc", "grpcs", "wss"}
)
"""``appProtocol`` values that HTTP/1.1 in the clear does not serve."""


class Grants:
    """All ReferenceGrants, by who refers to which namespace."""

    def __init__(self, grants: Iterable[ReferenceGrant]) -> None:
        self._granted: defaultdict[tuple[str, ...], list[ReferenceGrantTo]] = defaultdict(list)
        for grant in grants:
            for source in grant.spec.from_:
                key = (source.group, source.kind, source.namespace, grant.metadata.namespace)
                self._granted[key] += grant.spec.to

    def permit(
        self, kind: str, namespace: str, *, to_group: str, to_kind: str, to_namespace: str, to_name: str
    ) -> bool:
        """Whether a Gateway API object of ``kind`` in ``namespace`` may refer to the other object."""
        if namespace == to_namespace:
            return True
        return any(
            to.group == to_group and to.kind == to_kind and to.name in (None, "", to_name)
            for to in self._granted.get((GATEWAY_GROUP, kind, namespace, to_namespace), ())
        )


@dataclass(slots=True, frozen=True)
class ResolvedBackend:
    """Where a backend reference of a route leads."""

    ref: BackendRef
    fault: Fault | None = None
    """Set: requests for it get a 500."""


class BackendResolver:
    """Resolves the backend references of HTTPRoutes."""

    def __init__(self, resources: ResourceSet, grants: Grants) -> None:
        self._resources = resources
        self._grants = grants

    def resolve(self, reference: BackendObjectReference, namespace: str) -> ResolvedBackend:
        """The backend of a reference in a route of ``namespace``, with what is wrong with it."""
        is_pool = reference.kind == "InferencePool"
        ref = BackendRef(
            kind=reference.kind,
            group=reference.group,
            namespace=reference.namespace or namespace,
            name=reference.name,
            port=0 if is_pool else reference.port or 0,
        )
        return ResolvedBackend(ref, self._fault(ref, namespace))

    def _fault(self, ref: BackendRef, namespace: str) -> Fault | None:
        is_pool = ref.kind == "InferencePool" and ref.group in _POOL_GROUPS
        if not is_pool and (ref.kind, ref.group) != ("Service", ""):
            kind = f"{ref.kind}.{ref.group}" if ref.group else ref.kind
            return Fault("InvalidKind", f"backend kind {kind} is not supported; use Service or InferencePool")
        if not self._grants.permit(
            "HTTPRoute",
            namespace,
            to_group=ref.group,
            to_kind=ref.kind,
            to_namespace=ref.namespace,
            to_name=ref.name,
        ):
            return Fault(
                "RefNotPermitted",
                f"{ref} is in another namespace and no ReferenceGrant in {ref.namespace} permits it",
            )
        return self._pool_fault(ref) if is_pool else self._service_fault(ref)

    def _pool_fault(self, ref: BackendRef) -> Fault | None:
        pool = self._resources.inference_pools.get((ref.namespace, ref.name))
        if pool is None:
            return Fault("BackendNotFound", f"{ref} does not exist")
        if pool.spec.app_protocol in _FOREIGN_PROTOCOLS:
            return Fault("UnsupportedProtocol", f"{ref} asks for {pool.spec.app_protocol}; HTTP/1.1 is spoken")
        return None

    def _service_fault(self, ref: BackendRef) -> Fault | None:
        service = self._resources.services.get((ref.namespace, ref.name))
        if service is None:
            return Fault("BackendNotFound", f"{ref} does not exist")
        if service.spec.type == "ExternalName":
            return Fault("BackendNotFound", f"{ref} is an ExternalName Service, which may lead anywhere; refused")
        return _port_fault(ref, service)


def _port_fault(ref: BackendRef, service: Service) -> Fault | None:
    if not ref.port:
        return Fault("BackendNotFound", f"the reference to {ref} names no port; a Service needs one")
    for port in service.spec.ports:
        if port.port == ref.port:
            if (port.app_protocol or "").lower() in _FOREIGN_PROTOCOLS:
                return Fault("UnsupportedProtocol", f"{ref} speaks {port.app_protocol}; HTTP/1.1 is spoken")
            return None
    ports = ", ".join(str(port.port) for port in service.spec.ports)
    return Fault("BackendNotFound", f"{ref} does not exist; the Service has {ports or 'no ports'}")
