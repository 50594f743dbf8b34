"""What the Deployments of a ResourceSet mean on this machine. Pure: the runner carries the plans out.

For each Deployment: find the container that is a vLLM server, skip the others with the reason, and for each
replica work out address, environment, folders, command and probes. Every difference from the manifest is
kept for people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.addresses import ONLY_LOOPBACK, PortTable, assign_addresses
from modelyard.local.containers import DoneByModelyard, NotHere, recognise
from modelyard.local.environment import Sources
from modelyard.local.model_files import ONLY_FOLDERS, ModelSources
from modelyard.local.model_servers import model_server, server_container
from modelyard.local.plan_context import PlanContext
from modelyard.local.read_ahead import REASON as READ_AHEAD
from modelyard.local.read_ahead import reads_ahead
from modelyard.local.replica_command import plan_replica
from modelyard.local.replica_plan import AppliedSetting, DeploymentPlan, ReplicaPlan, Skipped
from modelyard.local.rolling import RollingLimits, RolloutRules, rolling_limits
from modelyard.local.service_links import container_port, service_links

if TYPE_CHECKING:
    from modelyard.resources.apps import Deployment
    from modelyard.resources.core import Service, ServicePort
    from modelyard.resources.pods import Container
    from modelyard.resources.resource_set import ResourceSet

WEIGHTS_ANNOTATION = "modelyard.dev/weights"
"""On a PersistentVolumeClaim: where its content comes from, for example ``demo://``."""


def plan_deployments(
    resources: ResourceSet,
    context: PlanContext,
    kept: Mapping[str, str] = {},
    models: ModelSources = ONLY_FOLDERS,
    used: Mapping[str, Collection[int]] = {},
) -> tuple[DeploymentPlan, ...]:
    """A plan for every Deployment, by namespace and name. ``kept``: addresses of replicas that run now, by
    key. ``models``: where models are taken from. ``used``: numbers under which replicas run now, by Deployment."""
    servers = {key: server_container(deployment) for key, deployment in resources.deployments.items()}
    keys = [
        f"{namespace}/{_replica_name(name, ordinal)}"
        for (namespace, name), server in servers.items()
        if server is not None
        for ordinal in _ordinals(resources.deployments[namespace, name], used.get(f"{namespace}/{name}", ()))
    ]
    if context.machine.loopback_range:
        addresses = assign_addresses(context.home, keys, kept)
    else:
        addresses = dict.fromkeys(keys, ONLY_LOOPBACK)
    plans = _Plans(resources, context, addresses, models, used)
    return tuple(plans.deployment(key, servers[key]) for key in sorted(servers))


def _count(deployment: Deployment) -> int:
    return max(0, deployment.spec.replicas)


def _ordinals(deployment: Deployment, used: Collection[int]) -> list[int]:
    """Those of its replicas, of extra ones during an update, and those in use."""
    limits = _rules(deployment).limits
    return sorted({*range(limits.most), *used})


def _rules(deployment: Deployment) -> RolloutRules:
    spec, rolling = deployment.spec, deployment.spec.strategy.rolling_update
    try:
        limits = rolling_limits(_count(deployment), rolling.max_surge, rolling.max_unavailable)
    except ValueError:
        limits = RollingLimits(desired=_count(deployment), surge=0, unavailable=1)
    return RolloutRules(
        limits=limits,
        recreate=spec.strategy.type == "Recreate",
        paused=spec.paused,
        min_ready=float(max(0, spec.min_ready_seconds)),
        deadline=float(max(1, spec.progress_deadline_seconds)),
    )


def _replica_name(deployment: str, ordinal: int) -> str:
    return f"{deployment}-{ordinal}"


def _skipped(deployment: Deployment, server: Container | None) -> Iterator[Skipped]:
    meta, spec = deployment.metadata, deployment.spec.template.spec
    for container in (*spec.init_containers, *spec.containers):
        if container is server:
            continue
        known = recognise(container.image, container.command, container.args)
        if isinstance(known, DoneByModelyard):
            continue
        reason = known.reason if isinstance(known, NotHere) else "a replica runs one model server here"
        if reads_ahead(container):
            reason = READ_AHEAD
        yield Skipped(namespace=meta.namespace, deployment=meta.name, name=container.name, reason=reason)


def _why_none_runs(deployment: Deployment) -> str:
    """Where all that it does is done by Modelyard, that; else that there is no model server."""
    known = [recognise(one.image, one.command, one.args) for one in deployment.spec.template.spec.containers]
    done = [one.reason for one in known if isinstance(one, DoneByModelyard)]
    return done[0] if done and len(done) == len(known) else "none of its containers is a model server that can run here"


def _with_links(plan: ReplicaPlan, links: Mapping[str, str]) -> ReplicaPlan:
    if not links:
        return plan
    hosts = [name for name in links if name.endswith("_SERVICE_HOST")]
    said = AppliedSetting(
        setting="enableServiceLinks",
        change=f"{', '.join(hosts[:4])}{' and more' if len(hosts) > 4 else ''} lead to a replica behind the Service",
        reason="a Service has no address of its own here; <SERVICE>_PORT is left out, as VLLM_PORT would break vLLM",
    )
    return msgspec.structs.replace(plan, service_links=links, settings=(*plan.settings, said))


def claims_with_sources(resources: ResourceSet, namespace: str) -> Mapping[str, str]:
    """Claims of a namespace that say where their content comes from -> the source."""
    return {
        claim.metadata.name: claim.metadata.annotations[WEIGHTS_ANNOTATION]
        for claim in resources.unsupported
        if claim.kind == "PersistentVolumeClaim"
        and claim.metadata.namespace == namespace
        and WEIGHTS_ANNOTATION in claim.metadata.annotations
    }


class _Plans:
    """The facts that the plans of one ResourceSet share."""

    def __init__(
        self,
        resources: ResourceSet,
        context: PlanContext,
        addresses: Mapping[str, str],
        models: ModelSources,
        used: Mapping[str, Collection[int]],
    ) -> None:
        self.resources, self.context, self.addresses, self.models = resources, context, addresses, models
        self.used = used
        self.port_table = PortTable(context.home)

    def deployment(self, key: tuple[str, str], server: Container | None) -> DeploymentPlan:
        deployment = self.resources.deployments[key]
        skipped = tuple(_skipped(deployment, server))
        replicas: tuple[ReplicaPlan, ...] = ()
        problem = ""
        if server is None:
            whole = _why_none_runs(deployment)
            skipped = (Skipped(namespace=key[0], deployment=key[1], name="", reason=whole), *skipped)
        else:
            try:
                replicas = tuple(self._replicas(deployment, server))
            except ValueError as error:
                problem = f"container {server.name}: {error}"
            problem = problem or self.context.engine_problem
        return DeploymentPlan(
            namespace=key[0],
            name=key[1],
            replicas=() if problem else replicas[: _count(deployment)],
            spares=() if problem else replicas[_count(deployment) :],
            rollout=_rules(deployment),
            skipped=skipped,
            problem=problem,
            models=found.models if (found := model_server(deployment)) is not None else (),
        )

    def _replicas(self, deployment: Deployment, server: Container) -> Iterator[ReplicaPlan]:
        namespace, name = deployment.metadata.namespace, deployment.metadata.name
        sources, claims = self._sources(namespace), self._claims(namespace)
        links = self._service_links(deployment)
        for ordinal in _ordinals(deployment, self.used.get(f"{namespace}/{name}", ())):
            replica = _replica_name(name, ordinal)
            key = f"{namespace}/{replica}"
            plan = plan_replica(
                deployment,
                server,
                name=replica,
                address=self.addresses[key],
                local_port=partial(self._local_port, key),
                sources=sources,
                claims=claims,
                context=self.context,
                models=self.models,
            )
            yield _with_links(plan, links)

    def _service_links(self, deployment: Deployment) -> Mapping[str, str]:
        """Where the Services of its namespace are found, as variables."""
        if not deployment.spec.template.spec.enable_service_links:
            return {}
        namespace = deployment.metadata.namespace
        services = [one for (where, _), one in sorted(self.resources.services.items()) if where == namespace]
        return service_links(services, self._behind)

    def _behind(self, service: Service, port: ServicePort) -> tuple[str, int] | None:
        """The first replica of the first Deployment that a Service selects."""
        selector, namespace = service.spec.selector, service.metadata.namespace
        for (where, name), one in sorted(self.resources.deployments.items()):
            labels, server = one.spec.template.metadata.labels, server_container(one)
            if where != namespace or server is None or not selector or not selector.items() <= labels.items():
                continue
            key = f"{namespace}/{_replica_name(name, 0)}"
            number = container_port(port, server)
            if key in self.addresses and number is not None:
                return self.addresses[key], self._local_port(key, number)
        return None

    def _local_port(self, key: str, container_port: int) -> int:
        if self.context.machine.loopback_range:
            return container_port
        return self.port_table.port(key, container_port)

    def _sources(self, namespace: str) -> Sources:
        return Sources(
            namespace=namespace,
            secrets={name: one for (where, name), one in self.resources.secrets.items() if where == namespace},
            config_maps={name: one for (where, name), one in self.resources.config_maps.items() if where == namespace},
        )

    def _claims(self, namespace: str) -> Mapping[str, str]:
        return claims_with_sources(self.resources, namespace)
