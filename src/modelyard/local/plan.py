"""What the Deployments of a ResourceSet mean on this machine. Pure: the runner carries the plans out.

For each Deployment: find the container that is a vLLM server, skip the others with the reason, and for each
replica work out address, environment, folders, command and probes. Every difference from the manifest is
kept for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from modelyard.local.addresses import ONLY_LOOPBACK, PortTable, assign_addresses
from modelyard.local.containers import NotHere, recognise
from modelyard.local.environment import Sources
from modelyard.local.replica_command import PlanContext, plan_replica
from modelyard.local.replica_plan import DeploymentPlan, ReplicaPlan, Skipped

if TYPE_CHECKING:
    from modelyard.resources.apps import Deployment
    from modelyard.resources.pods import Container
    from modelyard.resources.resource_set import ResourceSet

WEIGHTS_ANNOTATION = "modelyard.dev/weights"
"""On a PersistentVolumeClaim: where its content comes from, for example ``demo://``."""


def plan_deployments(
    resources: ResourceSet, context: PlanContext, kept: Mapping[str, str] = {}
) -> tuple[DeploymentPlan, ...]:
    """A plan for every Deployment, by namespace and name. ``kept``: addresses of replicas that run now, by
    key."""
    servers = {key: _server(deployment) for key, deployment in resources.deployments.items()}
    keys = [
        f"{namespace}/{_replica_name(name, ordinal)}"
        for (namespace, name), server in servers.items()
        if server is not None
        for ordinal in range(_count(resources.deployments[namespace, name]))
    ]
    if context.machine.loopback_range:
        addresses = assign_addresses(context.home, keys, kept)
    else:
        addresses = dict.fromkeys(keys, ONLY_LOOPBACK)
    plans = _Plans(resources, context, addresses)
    return tuple(plans.deployment(key, servers[key]) for key in sorted(servers))


def _count(deployment: Deployment) -> int:
    return max(0, deployment.spec.replicas)


def _replica_name(deployment: str, ordinal: int) -> str:
    return f"{deployment}-{ordinal}"


def _server(deployment: Deployment) -> Container | None:
    """The first container that is a model server."""
    for container in deployment.spec.template.spec.containers:
        if not isinstance(recognise(container.image, container.command, container.args), NotHere):
            return container
    return None


def _skipped(deployment: Deployment, server: Container | None) -> Iterator[Skipped]:
    meta, spec = deployment.metadata, deployment.spec.template.spec
    for container in (*spec.init_containers, *spec.containers):
        if container is server:
            continue
        known = recognise(container.image, container.command, container.args)
        reason = known.reason if isinstance(known, NotHere) else "a replica runs one model server here"
        yield Skipped(namespace=meta.namespace, deployment=meta.name, name=container.name, reason=reason)


class _Plans:
    """The facts that the plans of one ResourceSet share."""

    def __init__(self, resources: ResourceSet, context: PlanContext, addresses: Mapping[str, str]) -> None:
        self.resources, self.context, self.addresses = resources, context, addresses
        self.port_table = PortTable(context.home)

    def deployment(self, key: tuple[str, str], server: Container | None) -> DeploymentPlan:
        deployment = self.resources.deployments[key]
        skipped = tuple(_skipped(deployment, server))
        replicas: tuple[ReplicaPlan, ...] = ()
        problem = ""
        if server is None:
            whole = "none of its containers is a model server that can run here"
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
            replicas=() if problem else replicas,
            skipped=skipped,
            problem=problem,
            recreate=deployment.spec.strategy.type == "Recreate",
        )

    def _replicas(self, deployment: Deployment, server: Container) -> Iterator[ReplicaPlan]:
        namespace, name = deployment.metadata.namespace, deployment.metadata.name
        sources, claims = self._sources(namespace), self._claims(namespace)
        for ordinal in range(_count(deployment)):
            replica = _replica_name(name, ordinal)
            key = f"{namespace}/{replica}"
            yield plan_replica(
                deployment,
                server,
                name=replica,
                address=self.addresses[key],
                local_port=partial(self._local_port, key),
                sources=sources,
                claims=claims,
                context=self.context,
            )

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
        """Claims of a namespace that say where their content comes from."""
        return {
            claim.metadata.name: claim.metadata.annotations[WEIGHTS_ANNOTATION]
            for claim in self.resources.unsupported
            if claim.kind == "PersistentVolumeClaim"
            and claim.metadata.namespace == namespace
            and WEIGHTS_ANNOTATION in claim.metadata.annotations
        }
