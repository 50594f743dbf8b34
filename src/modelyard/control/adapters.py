"""The adapters of a running yard: joins the reconciler with the local replicas, the weights and the scraper."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shutil
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import msgspec

from modelyard.control.adapter_wishes import DeploymentWish, HandMade, wish_of
from modelyard.control.adapters_without_replica import on_deployment, on_ray_service
from modelyard.control.base_shapes import BaseShapes
from modelyard.control.ray_adapters import (
    RayWish,
    hub_token,
    ray_views,
    ray_wish,
    reported,
    require_base,
    wants_bucket,
)
from modelyard.control.told_routes import ToldRoutes, address_in
from modelyard.control.weights_provider import FetchingProvider
from modelyard.fleet.endpoints import EndpointState
from modelyard.fleet.fleet import Fleet
from modelyard.fleet.pod_endpoints import address_of
from modelyard.local.home import Home
from modelyard.local.ray.adapter_bucket import AdapterBucket
from modelyard.local.ray.runner import RayRunner
from modelyard.local.replica_plan import HUB_TOKENS, ReplicaPlan
from modelyard.local.status import Phase, ReplicaStatus
from modelyard.local.supervisor import LocalRunner
from modelyard.local.weights_provider import WeightsMissing
from modelyard.lora.adapter import Fetched, FetchError, ReplicaView
from modelyard.lora.condition import AdapterStatus
from modelyard.lora.loopback_bucket import LoopbackBucket
from modelyard.lora.ray_wanted import ray_bases
from modelyard.lora.reconciler import Reconciler, gauge
from modelyard.lora.store import AdapterStore
from modelyard.lora.unread_wishes import unread_wishes
from modelyard.lora.wanted import DeploymentAdapters
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable
from modelyard.resources.weights_source import parse_source
from modelyard.scrape.scraper import Scraper

log = logging.getLogger(__name__)

KNOWN_SECONDS = 2.0
"""How long a worker that hangs may keep an adapter from being said to be loaded."""
FOLDER = "adapters"
"""In the home: the copies that engines read, one folder per version."""
BUCKET_FOLDER = "ray-adapters"
"""In the home, since it holds links to the former: the loopback bucket that Ray reads."""


class YardAdapters:
    """Wants what the manifests and the admin API say, on every local replica. Lives on the control process's loop."""

    def __init__(
        self,
        *,
        home: Home,
        local: LocalRunner,
        ray: RayRunner | None = None,
        scraper: Scraper,
        provider: FetchingProvider,
        simulated: bool,
        awaited: Callable[[], Mapping[str, Mapping[str, int]]],
        known: Callable[[], Awaitable[None]],
        on_change: Callable[[], None],
    ) -> None:
        """``simulated``: the engines read no files, so none are fetched. ``awaited``: backend -> adapter -> requests
        that wait for it. ``known``: waits until every worker goes by the fleet of now."""
        folder = home.root / FOLDER
        shutil.rmtree(folder, ignore_errors=True)  # no engine of an earlier yard reads there any more
        self._bucket_folder = home.root / BUCKET_FOLDER
        shutil.rmtree(self._bucket_folder, ignore_errors=True)
        self._bucket: LoopbackBucket | None = None
        self._bucket_for_ray: AdapterBucket | None = None
        self._ray = ray
        self._ray_wishes: dict[str, RayWish] = {}
        self._told = ToldRoutes()
        self._local, self._scraper, self._provider, self._simulated = local, scraper, provider, simulated
        self._awaited, self._known = awaited, known
        self._resources, self._sources = ResourceSet(), SourceTable()
        self._wishes: dict[str, DeploymentWish] = {}
        self._by_hand: dict[str, HandMade] = {}
        self._shapes = BaseShapes()
        self._tokens: dict[str, str] = {}
        self._nowhere: tuple[AdapterStatus, ...] = ()
        """Of what is wanted where nothing runs."""
        self._unread: tuple[str, ...] = ()
        """Wishes that nothing here reads."""
        self._addresses: tuple[int, Mapping[str, EndpointState]] = (-1, {})
        self._reconciler = Reconciler(
            self._fetch,
            store=None if simulated else AdapterStore(folder),
            bucket=self._bucket_folder,
            sweep=True,
            routes=self._route,
            known=self._told_everyone,
            usage=self._usage,
            on_change=on_change,
        )

    async def bucket(self, resources: ResourceSet) -> AdapterBucket | None:
        """Where Ray's models load adapters from; None: none of ``resources`` does, or the bucket cannot be served."""
        if self._bucket is None and wants_bucket(resources):
            bucket = LoopbackBucket(self._bucket_folder, self._bucket_folder.with_suffix(".credentials"))
            try:
                endpoint = await bucket.start()
            except OSError as problem:
                log.error("lora: no bucket for Ray's adapters: %s", problem)
                return None
            self._bucket = bucket
            self._bucket_for_ray = AdapterBucket(path=bucket.path(""), environment=bucket.environment(endpoint))
        return self._bucket_for_ray

    def apply(self, resources: ResourceSet, sources: SourceTable) -> None:
        """Take over what the manifests want now."""
        self._resources, self._sources = resources, sources
        self._unread = tuple(f"{one.object}: {one.message}; {one.advice}" for one in unread_wishes(resources))
        self.replicas_changed()

    def replicas_changed(self) -> None:
        """Look after the replicas that there are now."""
        running = {status.key: status for status in self._local.replicas()}
        views = []
        self._nowhere = ()
        for deployment in self._local.plans():
            self._nowhere += tuple(on_deployment(deployment, self._resources, self._sources))
            key = f"{deployment.namespace}/{deployment.name}"
            written = self._resources.deployments.get((deployment.namespace, deployment.name))
            plans = [(plan, running.get(plan.key)) for plan in (*deployment.replicas, *deployment.spares)]
            if plans and written is not None:  # None: planned just now; its resources come with the next ``apply``
                wish = wish_of(
                    self._resources,
                    written,
                    plans[0][0],
                    self._sources,
                    by_hand=self._by_hand.get(key, HandMade()),
                    before=self._wishes.get(key),
                )
                self._wishes[key] = wish
                views += [self._view(plan, status, wish) for plan, status in plans if status is not None]
        views += self._ray_views()
        self._told.keep(views)
        self._reconciler.set_replicas([view for view in views if view.want or view.absent or self._had(view.key)])

    async def stop(self) -> None:
        """Stop looking after them."""
        await self._reconciler.close()
        if self._bucket is not None:
            await self._bucket.stop()

    # ── what people ask for ──

    def load(self, deployment: str, name: str, source: str) -> None:
        """Want an adapter until the yard ends. Raises KeyError where there is no such Deployment, and ValueError, for
        people, where the name does not say for which of a RayService's models it is."""
        if deployment in self._ray_wishes:
            namespace, _, service = deployment.partition("/")
            require_base(self._resources.ray_services[namespace, service], name)
        self._change(deployment, HandMade.wanting, name, source)

    def unload(self, deployment: str, name: str) -> None:
        """Do not want it until the yard ends, whatever the manifests say. Raises KeyError."""
        self._change(deployment, HandMade.refusing, name)

    def _change(self, deployment: str, change: Callable[..., HandMade], *values: str) -> None:
        if deployment not in self.deployments:
            raise KeyError(deployment)
        self._by_hand[deployment] = change(self._by_hand.get(deployment, HandMade()), *values)
        self.replicas_changed()

    # ── what is shown ──

    @property
    def deployments(self) -> tuple[str, ...]:
        """``namespace/name`` of Deployments that have model servers here, and of RayServices with models."""
        return tuple(sorted({*self._wishes, *self._ray_wishes}))

    def statuses(self) -> tuple[AdapterStatus, ...]:
        """Every adapter on every replica, and those that are wanted where no replica runs."""
        return (*self._reconciler.statuses(), *self._nowhere)

    def problems(self) -> tuple[str, ...]:
        """What is wrong with the wishes themselves."""
        return tuple(problem for adapters in self._wanted() for problem in adapters.problems) + self._unread

    def shown(self) -> dict[str, Any]:
        """For the admin API."""
        return {
            "adapters": [msgspec.to_builtins(status) for status in self.statuses()],
            "problems": list(self.problems()),
            "deployments": list(self.deployments),
        }

    def gauge(self) -> Mapping[str, int]:
        """Adapter -> 1 where it is loaded on all of its replicas."""
        return gauge(self.statuses(), (name for adapters in self._wanted() for name in adapters.absent))

    def _wanted(self) -> list[DeploymentAdapters]:
        vllm = [wish.adapters for _, wish in sorted(self._wishes.items())]
        return [*vllm, *(wish.adapters for _, wish in sorted(self._ray_wishes.items()))]

    # ── joints ──

    def _had(self, key: str) -> bool:
        """A replica that has lost its last wish still has adapters to unload."""
        return any(status.replica == key for status in self._reconciler.statuses())

    def _view(self, plan: ReplicaPlan, status: ReplicaStatus, wish: DeploymentWish) -> ReplicaView:
        token = next((plan.env[name] for name in HUB_TOKENS if plan.env.get(name)), "")
        want = wish.on(plan)
        self._tokens.update({one.source: token for one in want if token})
        return ReplicaView(
            key=plan.key,
            url=f"http://{_address(plan)}",
            incarnation=f"{status.pid} {status.restarts}",
            up=status.pid is not None and status.phase in (Phase.STARTING, Phase.RUNNING),
            engine=plan.engine,
            limits=wish.limits,
            policy=wish.adapters.policy,
            want=want,
            absent=wish.adapters.absent | wish.by_hand.absent,
            base=self._shapes.of(wish.model),
            api_key=wish.api_key,
        )

    def _ray_views(self) -> Iterator[ReplicaView]:
        plans = self._ray.plans() if self._ray is not None else ()
        wishes: dict[str, RayWish] = {}
        for plan in plans:
            service = self._resources.ray_services.get((plan.namespace, plan.name))
            if service is None or not ray_bases(service):
                continue
            wish = wishes[plan.key] = ray_wish(
                self._resources,
                service,
                plan.labels,
                self._sources,
                by_hand=self._by_hand.get(plan.key, HandMade()),
                before=self._ray_wishes.get(plan.key),
            )
            token = hub_token(plan)
            self._tokens.update({one.source: token for one in wish.adapters.want if token})
            clusters = self._clusters(plan.namespace, plan.name)
            self._nowhere += tuple(on_ray_service(plan, wish.adapters, clusters))
            yield from ray_views(plan, clusters, wish, self._shapes.of)
        self._ray_wishes = wishes

    def _clusters(self, namespace: str, name: str) -> list[ReplicaStatus]:
        running = self._ray.replicas() if self._ray is not None else ()
        return [one for one in running if (one.namespace, one.deployment) == (namespace, name)]

    async def _fetch(self, source: str, say: Callable[[str], None]) -> Fetched:
        if self._simulated:
            return Fetched(path=source)
        try:
            kind = parse_source(source).kind
            found = await self._provider.fetched(source, say, adapter=True, token=self._tokens.get(source))
        except (WeightsMissing, ValueError) as problem:
            raise FetchError(str(problem)) from problem
        return Fetched(path=str(found.path), revision=found.revision, mutable=kind == "path")

    def _route(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> bool:
        return self._scraper.set_adapters(address_in(view.url), *self._told.tell(view, names, expected))

    async def _told_everyone(self) -> None:
        """What is said to be loaded can be asked for. A worker that hangs keeps nothing waiting for long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KNOWN_SECONDS):
                await self._known()

    def _usage(self, view: ReplicaView) -> tuple[frozenset[str], frozenset[str]]:
        asked = frozenset(name for counts in self._awaited().values() for name, count in counts.items() if count)
        state = self._by_address(self._scraper.fleet).get(address_in(view.url))
        load = state.load if state is not None else None
        busy = frozenset() if load is None else load.running_loras | load.waiting_loras
        return reported(view, busy), asked

    def _by_address(self, fleet: Fleet) -> Mapping[str, EndpointState]:
        if self._addresses[0] != fleet.version:
            states = (state for backend in fleet.backends.values() for state in backend.endpoints)
            self._addresses = (fleet.version, {state.endpoint.address: state for state in states})
        return self._addresses[1]


def _address(plan: ReplicaPlan) -> str:
    return address_of(plan.address, plan.ports[0].local)
