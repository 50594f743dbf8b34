"""One snapshot as Envoy's resources: listeners, route tables, clusters, endpoints, and remarks on what does not map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.envoy.api import Config
from modelyard.envoy.external_processing import PICKER_CLUSTER, PICKER_FILTER, ROUTER_CLUSTER, asks_no_router
from modelyard.envoy.listeners import ListenerChain, alternative_service, listener, quic_listener
from modelyard.envoy.local_replies import fixed_answer, fixed_body, no_route
from modelyard.envoy.pools import Pool, PoolEndpoint, cluster, load_assignment
from modelyard.envoy.processor_clusters import processor_cluster
from modelyard.envoy.rules import RuleCompiler
from modelyard.envoy.settings import Address, EdgeSettings
from modelyard.envoy.virtual_hosts import domain, entries_in_order, hosts_of, refuse_bad_hosts
from modelyard.exchange.trusted_headers import BASE_MODEL_NAME, MODEL_NAME
from modelyard.fleet.fleet import BackendKey
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.backends import BackendRef
from modelyard.routing.listeners import Certificate, Listener
from modelyard.snapshot import Snapshot, backend_key

Endpoints = Mapping[BackendKey, Sequence[PoolEndpoint]]
Models = Mapping[str, Mapping[str, str]]
"""By listener group: what is answered to ``GET`` of a path of the model list."""

_GET: Config = {"name": ":method", "string_match": {"exact": "GET"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What Envoy needs of one snapshot."""

    settings: EdgeSettings
    listeners: tuple[Config, ...]
    route_tables: tuple[Config, ...]
    clusters: tuple[Config, ...]
    processors: tuple[Config, ...]
    pools: tuple[Pool, ...]
    asks_router: bool = False
    """Some route reads what the body-based router sets."""
    certificates: tuple[Certificate, ...] = ()
    remarks: tuple[str, ...] = ()
    """What the manifests ask for and this configuration cannot do, one sentence each."""

    def assignments(self, endpoints: Endpoints) -> dict[str, Config]:
        """The endpoints of every pool, by the name of the file that is watched."""
        return {pool.file_name: load_assignment(pool, endpoints.get(pool.key, ())) for pool in self.pools}


def edge(
    snapshot: Snapshot,
    resources: ResourceSet,
    addresses: Iterable[Address],
    settings: EdgeSettings,
    endpoints: Endpoints | None = None,
    models: Models | None = None,
) -> Edge:
    """Compile. ``endpoints`` count where they are not watched; ``models``: the models' lists, where
    they are known."""
    return _Compilation(snapshot, resources, settings, endpoints or {}, models or {}).run(addresses)


@dataclass(slots=True)
class _Compilation:
    snapshot: Snapshot
    resources: ResourceSet
    settings: EdgeSettings
    endpoints: Endpoints
    models: Models
    pools: dict[str, Pool] = field(default_factory=dict)

    def run(self, addresses: Iterable[Address]) -> Edge:
        rules = RuleCompiler(self.settings, self._pool_of, self._model_headers)
        places: dict[str, list[Address]] = {}
        for address in addresses:
            places.setdefault(address.group, []).append(address)
        listeners: list[Config] = []
        tables: list[Config] = []
        asks_router = False
        for group, found in places.items():
            chains = self._chains(group, rules, found[0].port)
            asks_router = asks_router or any(chain.asks_router for chain in chains)
            tables += [chain.table for chain in chains]
            for address in found:
                listeners.append(listener(address, chains, self.settings, self._body_headers))
                if self.settings.http3 and any(chain.listener is not None for chain in chains):
                    listeners.append(quic_listener(address, chains, self.settings, self._body_headers))
        certificates = {item.secret: item for member in self.snapshot.table.listeners for item in member.certificates}
        return Edge(
            settings=self.settings,
            listeners=tuple(listeners),
            route_tables=tuple(tables),
            clusters=tuple(
                cluster(pool, self.endpoints.get(pool.key, ()), self.settings) for pool in self.pools.values()
            ),
            processors=tuple(self._processors(asks_router)),
            pools=tuple(self.pools.values()),
            asks_router=asks_router,
            certificates=tuple(certificates.values()),
            remarks=tuple(rules.remarks),
        )

    @property
    def _body_headers(self) -> tuple[str, ...]:
        return tuple(item.header for item in self.snapshot.body_headers)

    @property
    def _model_headers(self) -> frozenset[str]:
        """Headers that the body-based router sets."""
        return frozenset({*self._body_headers, BASE_MODEL_NAME, MODEL_NAME})

    def _processors(self, asks_router: bool) -> Iterable[Config]:
        settings = self.settings
        if any(pool.picked for pool in self.pools.values()):
            yield processor_cluster(
                PICKER_CLUSTER, settings.picker, "The endpoint picker (modelyard epp).", settings.silence
            )
        if asks_router or settings.watched_folder:  # a cluster that comes later answers only once it was checked
            yield processor_cluster(
                ROUTER_CLUSTER, settings.router, "The body-based router (modelyard bbr).", settings.silence
            )

    def _chains(self, group: str, rules: RuleCompiler, local_port: int) -> list[ListenerChain]:
        """One chain for a socket without TLS, one per listener for a socket with it."""
        members = [item for item in self.snapshot.table.listeners if item.group == group]
        if not members or members[0].protocol != "HTTPS":
            return [self._chain(group, None, members, rules)] if members else []
        chains = [self._chain(f"{group}/{member.name}", member, members, rules) for member in members]
        for chain in chains if self.settings.http3 else ():
            chain.table["response_headers_to_add"] = [alternative_service(local_port)]
        return chains

    def _chain(self, name: str, of: Listener | None, members: Sequence[Listener], rules: RuleCompiler) -> ListenerChain:
        table = self.snapshot.table
        hosts: list[Config] = []
        picks = False
        owned = [of] if of is not None else members
        reads = {name for one in owned for entry in table.attached(one) for name in entry.conditions.reads_headers}
        asks_router = not reads.isdisjoint(self._model_headers)
        for pattern, owner in hosts_of(table, members):
            if of is not None and owner is not of:
                hosts.append(_virtual_host(pattern, [_misdirected()], self.settings))
                continue
            routes = self._listed_models(owner)
            for entry in entries_in_order(table.attached(owner), pattern):
                found = list(rules.routes(entry, tls=of is not None, listener_port=owner.port))
                routes += found
                picks = picks or any(PICKER_FILTER in str(route) for route in found)
            routes = [*refuse_bad_hosts(pattern), *routes, no_route()]
            hosts.append(_virtual_host(pattern, routes, self.settings))
        config = {
            "name": name,
            "ignore_port_in_host_matching": True,
            "validate_clusters": False,
            "request_headers_to_remove": ["x-envoy-external-address"],
            "max_direct_response_body_size_bytes": {"value": _LARGEST_ANSWER},
            "virtual_hosts": hosts,
        }
        return ListenerChain(name, of, config, asks_router, picks)

    def _listed_models(self, owner: Listener) -> list[Config]:
        """The routes that answer ``GET /v1/models`` and its children, where the models are known."""
        answers = self.models.get(owner.group, {})
        asked = {"typed_per_filter_config": asks_no_router()}
        return [
            {"name": "models", "match": {"path": path, "headers": [_GET]}, **fixed_body(200, body), **asked}
            for path, body in answers.items()
        ]

    def _pool_of(self, ref: BackendRef, mirror: bool) -> Pool:
        key = backend_key(ref)
        if key.kind == "InferencePool" and not mirror:
            found = self._picked_pool(key)
        else:
            picked = self.settings.picks_for_services and not mirror
            found = Pool(key, picked=picked, sees_answers=self.settings.sees_answers, mirror=mirror)
        return self.pools.setdefault(found.name, found)

    def _picked_pool(self, key: BackendKey) -> Pool:
        pool = self.resources.inference_pools.get((key.namespace, key.name))
        picker = None if pool is None else pool.spec.endpoint_picker_ref
        plan = self.snapshot.pools.get(key)
        maps_names = plan is not None and plan.targets.maps_names
        return Pool(
            key,
            picked=True,
            fails_open=picker is not None and picker.failure_mode == "FailOpen",
            sees_heads=self.settings.sees_answer_heads,
            sees_answers=self.settings.sees_answers or maps_names,
        )


_LARGEST_ANSWER = 4 * 1024 * 1024


def _virtual_host(pattern: str, routes: list[Config], settings: EdgeSettings) -> Config:
    """The limit of bodies stands here, since the body is read before the route that counts is known."""
    return {
        "name": domain(pattern),
        "domains": [domain(pattern)],
        "request_body_buffer_limit": settings.body_limit,
        "routes": routes,
    }


def _misdirected() -> Config:
    answer = fixed_answer(421, "misdirected", "This connection is for another host.")
    return {"name": "misdirected", "match": {"prefix": "/"}, **answer}
