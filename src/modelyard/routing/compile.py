"""Resources compiled into the route table and everyone's status."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.resources.gateway import GatewayClass
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.references import GATEWAY_GROUP, ParentReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing import hostnames
from modelyard.routing.attachment import Attachment, attach, route_hostnames
from modelyard.routing.gateways import GatewayState, ListenerState, gateway_state
from modelyard.routing.listeners import Listener
from modelyard.routing.references import BackendResolver, Grants
from modelyard.routing.reports import (
    Key,
    class_report,
    gateway_report,
    pool_report,
    route_parent,
)
from modelyard.routing.route_rules import RouteRules, compile_rules
from modelyard.routing.statuses import CONTROLLER, ChildReport, ParentReport, Report, Statuses
from modelyard.routing.table import RouteEntry, RouteTable


@dataclass(slots=True, frozen=True)
class Note:
    """Something that no condition can say, for ``modelyard check``."""

    kind: str
    namespace: str
    name: str
    message: str


@dataclass(slots=True, frozen=True, eq=False)
class Compiled:
    """What one snapshot's resources come to."""

    table: RouteTable
    statuses: Statuses
    notes: tuple[Note, ...] = ()


def compile_routes(resources: ResourceSet, *, gateway_class: str | None = None) -> Compiled:
    """Attach every HTTPRoute and compile its rules. Bad resources never raise: conditions tell.

    ``gateway_class``: only Gateways of this class are ours; None: all are (local mode).
    """
    return _Compilation(resources, gateway_class).run()


class _Compilation:
    """One run: resources in, table and statuses out."""

    def __init__(self, resources: ResourceSet, gateway_class: str | None) -> None:
        self._resources = resources
        self._class = gateway_class
        grants = Grants(resources.reference_grants.values())
        self._backends = BackendResolver(resources, grants)
        self._gateways: dict[Key, GatewayState] = {
            key: gateway_state(gateway, resources, grants)
            for key, gateway in resources.gateways.items()
            if gateway_class in (None, gateway.spec.gateway_class_name)
        }
        self._bound: dict[int, Listener] = {
            id(listener): state.bound(listener) for state in self._gateways.values() for listener in state.usable()
        }
        self._entries: dict[Listener, list[RouteEntry]] = {listener: [] for listener in self._bound.values()}
        self._attached: defaultdict[Key, defaultdict[str, set[Key]]] = defaultdict(lambda: defaultdict(set))
        self._pools: defaultdict[Key, dict[Key, tuple[str, bool]]] = defaultdict(dict)
        self._reports: dict[tuple[str, str, str], Report] = {}
        self._notes: list[Note] = []

    def run(self) -> Compiled:
        for key, route in self._resources.http_routes.items():
            self._reports["HTTPRoute", *key] = self._route(key, route)
        self._report_parents()
        return Compiled(RouteTable(self._entries), Statuses(self._reports), tuple(self._notes))

    def _route(self, key: Key, route: HTTPRoute) -> ChildReport:
        rules = compile_rules(route, self._backends)
        self._note_unused(key, route)
        parents: list[ParentReport] = []
        for parent in self._parents(route):
            gateway = self._gateway(key, parent)
            if gateway is None:
                continue
            attachment = attach(route, parent, gateway, self._resources.namespaces)
            accepted = attachment.fault is None and rules.rejected is None
            if accepted:
                self._add(key, route, rules, gateway, attachment)
            self._refer_pools(rules, gateway, accepted)
            parents.append(route_parent(parent, self._controller(gateway), attachment, rules))
        return ChildReport(route.metadata.generation, parents)

    def _parents(self, route: HTTPRoute) -> Iterator[ParentReference]:
        yield from route.spec.parent_refs
        if route.spec.use_default_gateways == "All":
            for (namespace, name), state in self._gateways.items():
                if state.gateway.spec.default_scope == "All":
                    yield ParentReference(namespace=namespace, name=name)

    def _gateway(self, key: Key, parent: ParentReference) -> GatewayState | None:
        if (parent.group, parent.kind) != (GATEWAY_GROUP, "Gateway"):
            self._note(key, f"parentRef to {parent.kind} {parent.name} is not used; only Gateways are parents")
            return None
        target = (parent.namespace or key[0], parent.name)
        found = self._gateways.get(target)
        if found is None and target not in self._resources.gateways:
            self._note(key, f"parentRef to Gateway {'/'.join(target)}, which does not exist")
        return found

    def _add(
        self, key: Key, route: HTTPRoute, rules: RouteRules, gateway: GatewayState, attachment: Attachment
    ) -> None:
        attached = self._attached[gateway.key]
        for listener in attachment.listeners:
            routes = attached[listener.spec.name]
            bound = self._bound.get(id(listener))
            if bound is not None and key not in routes:
                self._entries[bound] += _entries(route, rules, listener)
            routes.add(key)

    def _refer_pools(self, rules: RouteRules, gateway: GatewayState, accepted: bool) -> None:
        for pool in _pools(rules):
            before = self._pools[pool].get(gateway.key, ("", False))
            self._pools[pool][gateway.key] = self._controller(gateway), accepted or before[1]

    def _controller(self, gateway: GatewayState) -> str:
        known = self._resources.gateway_classes.get(("", gateway.gateway.spec.gateway_class_name))
        return CONTROLLER if known is None else known.spec.controller_name

    def _is_ours(self, gateway_class: GatewayClass) -> bool:
        """As for any controller: by the controller's name, which is that of the class whose Gateways are served."""
        if self._class is None:
            return True
        served = self._resources.gateway_classes.get(("", self._class))
        controller = CONTROLLER if served is None else served.spec.controller_name
        return gateway_class.spec.controller_name == controller

    def _report_parents(self) -> None:
        for key, state in self._gateways.items():
            self._reports["Gateway", *key] = gateway_report(state, self._attached[key])
        for key, gateway_class in self._resources.gateway_classes.items():
            if self._is_ours(gateway_class):
                self._reports["GatewayClass", *key] = class_report(gateway_class)
        for key, pool in self._resources.inference_pools.items():
            self._reports["InferencePool", *key] = pool_report(pool, self._pools[key])

    def _note_unused(self, key: Key, route: HTTPRoute) -> None:
        if any(rule.session_persistence is not None for rule in route.spec.rules):
            self._note(key, "sessionPersistence is not used; the session-affinity-scorer keeps sessions together")
        if any(rule.retry is not None for rule in route.spec.rules):
            self._note(key, "retry is not used; attempts that fail before the first byte are repeated within a budget")

    def _note(self, key: Key, message: str) -> None:
        self._notes.append(Note("HTTPRoute", *key, message))


def _entries(route: HTTPRoute, rules: RouteRules, listener: ListenerState) -> Iterator[RouteEntry]:
    """The route's rules for one listener, under each hostname that can be reached through it."""
    age = (route.metadata.creation_timestamp or "", f"{route.metadata.namespace}/{route.metadata.name}")
    for hostname in route_hostnames(route) or ("",):
        if hostnames.intersects(listener.hostname, hostname):
            for path, conditions, rule, position in rules.selected:
                yield RouteEntry(hostname, path, conditions, rule, age, position)


def _pools(rules: RouteRules) -> set[Key]:
    """The pools that the rules can use."""
    return {
        (backend.ref.namespace, backend.ref.name)
        for _, _, rule, _ in rules.selected
        for backend in rule.backends.all
        if backend.ref.kind == "InferencePool" and not backend.error
    }
