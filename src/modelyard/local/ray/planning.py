"""What the RayServices of a ResourceSet mean on this machine. Pure: the runner carries the plans out.

A cluster of Kubernetes has a head Pod and worker Pods; here it is one node, a process with its own loopback address,
whose resources are those of all groups together. One cluster is therefore one endpoint: Serve's proxy spreads the
requests over the replicas behind it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.local.addresses import ONLY_LOOPBACK, PortTable, assign_addresses
from modelyard.local.environment import Sources
from modelyard.local.model_files import ModelPlaces
from modelyard.local.ray.adapter_bucket import AdapterBucket
from modelyard.local.ray.adjustments import RayHost, adjust, gpus_asked
from modelyard.local.ray.cluster_environment import ClusterEnvironment, cluster_environment
from modelyard.local.ray.cluster_hash import cluster_hash
from modelyard.local.ray.gpu_partition import partition
from modelyard.local.ray.pod_groups import pod_groups
from modelyard.local.ray.ray_context import RayContext
from modelyard.local.ray.ray_plan import SERVE_PORT, RayClusterPlan, RayServicePlan
from modelyard.local.ray.start_flags import start_flags
from modelyard.local.ray.weights_paths import NeededFolders
from modelyard.local.ray.working_dirs import local_folders
from modelyard.local.replica_plan import AppliedSetting, PortMapping, Skipped
from modelyard.local.volumes import Places, plan_volumes
from modelyard.resources.durations import parse_go_duration
from modelyard.resources.ray_serve_service import SERVICE_LABEL
from modelyard.resources.ray_service import RayService
from modelyard.resources.serve_config import ServeConfigReading, read_serve_config

if TYPE_CHECKING:
    from modelyard.resources.resource_set import ResourceSet

ADDRESS_PREFIX = "127.9"
"""Clusters have a range of their own, beside that of replicas."""
DASHBOARD_PORT = 8265
INITIALIZING_TIMEOUT = "ray.io/initializing-timeout"


def plan_ray_services(
    resources: ResourceSet, context: RayContext, kept: Mapping[str, str] = {}
) -> tuple[RayServicePlan, ...]:
    """A plan for every RayService, by namespace and name. ``kept``: addresses of clusters that run now, by key; they
    do not move."""
    services = dict(sorted(resources.ray_services.items()))
    names = {key: f"{key[1]}-{cluster_hash(one.spec.ray_cluster_config).short}" for key, one in services.items()}
    keys = [f"{key[0]}/{name}" for key, name in names.items()]
    if context.machine.loopback_range:
        addresses = assign_addresses(context.home, keys, kept, prefix=ADDRESS_PREFIX)
    else:
        addresses = dict.fromkeys(keys, ONLY_LOOPBACK)
    ports = PortTable(context.home)
    gpus = partition([_gpus_asked(service) for service in services.values()], context.gpus)
    return tuple(
        _Planner(resources, context, services[key], name, addresses[f"{key[0]}/{name}"], ports, own).plan()
        for (key, name), own in zip(names.items(), gpus, strict=True)
    )


def _gpus_asked(service: RayService) -> float:
    config = read_serve_config(service.spec.serve_config_v2).config
    return gpus_asked(config) if config is not None else 0.0


class _Planner:
    """Works out one RayServicePlan step by step; the steps share what is known so far."""

    def __init__(
        self,
        resources: ResourceSet,
        context: RayContext,
        service: RayService,
        name: str,
        address: str,
        ports: PortTable,
        gpus: tuple[int, ...],
    ) -> None:
        self.resources, self.context, self.service = resources, context, service
        self.name, self.address, self.ports, self.gpus = name, address, ports, gpus
        self.namespace = service.metadata.namespace
        self.groups = tuple(pod_groups(service.spec.ray_cluster_config))
        self.directory = f"{context.home}/ray/{service.metadata.namespace}_{name}"
        self.settings: dict[AppliedSetting, None] = {}

    def plan(self) -> RayServicePlan:
        meta, spec = self.service.metadata, self.service.spec
        whole = RayServicePlan(
            name=meta.name,
            namespace=meta.namespace,
            spec_hash=cluster_hash(spec.ray_cluster_config),
            upgrade=spec.upgrade_strategy.type,
            labels=self._labels(),
            deletion_delay=float(max(0, spec.ray_cluster_deletion_delay_seconds)),
            initializing_seconds=_seconds(meta.annotations.get(INITIALIZING_TIMEOUT, "")),
            suspended=spec.suspend,
            skipped=tuple(self._skipped()),
        )
        reading = read_serve_config(spec.serve_config_v2)
        problem = self._problem(reading)
        if problem:
            return msgspec.structs.replace(whole, problem=problem)
        try:
            return self._with_cluster(whole, reading)
        except ValueError as error:
            return msgspec.structs.replace(whole, problem=str(error))

    def _problem(self, reading: ServeConfigReading) -> str:
        if reading.config is None:
            return "serveConfigV2 " + "; ".join(fault.message for fault in reading.faults)
        if self.context.engine_problem:
            return self.context.engine_problem
        if not self.context.has_vllm and any(app.is_openai_app for app in reading.config.applications):
            return "Ray Serve LLM needs vLLM beside Ray: modelyard engines install ray"
        return ""

    def _with_cluster(self, whole: RayServicePlan, reading: ServeConfigReading) -> RayServicePlan:
        self._note_node()
        environment = self._environment()
        machine = self.context.machine
        host = RayHost(
            machine=machine,
            gpus=len(self.gpus),
            memory_bytes=machine.memory_bytes // max(1, len(self.resources.ray_services)),
            packages=self.context.packages,
            env=environment.values,
            adapters=self._adapters(),
        )
        folders = NeededFolders(self._places())
        adjusted = adjust(reading, host, folders)
        self.settings |= dict.fromkeys(adjusted.settings)
        cluster = RayClusterPlan(
            name=self.name,
            namespace=self.namespace,
            address=self.address,
            ports=(self._port(SERVE_PORT, "serve"), self._port(DASHBOARD_PORT, "dashboard")),
            python=self.context.python,
            flags=start_flags(self.groups, adjusted, self.context.machine, bool(self.gpus), self._note),
            env=environment.values,
            secret_env=environment.secret,
            directory=self.directory,
        )
        self._note_upgrade()
        return msgspec.structs.replace(
            whole,
            cluster=cluster,
            serve_config=adjusted.config,
            working_dirs=self._working_dirs(adjusted.config),
            sources=folders.fetched,
            settings=tuple(self.settings),
        )

    # ── parts ──

    def _note(self, setting: str, change: str, reason: str) -> None:
        self.settings[AppliedSetting(setting=setting, change=change, reason=reason)] = None

    def _labels(self) -> dict[str, str]:
        """Labels of all groups' Pods: the one endpoint stands for each of them."""
        labels: dict[str, str] = {}
        for group in self.groups:
            labels.update(group.template.metadata.labels)
        return {
            **labels,
            SERVICE_LABEL: self.service.metadata.name,
            "ray.io/serve": "true",
            "ray.io/is-ray-node": "yes",
            "ray.io/node-type": "head",
        }

    def _port(self, number: int, name: str) -> PortMapping:
        one_address = not self.context.machine.loopback_range
        local = self.ports.port(f"{self.namespace}/{self.name}", number) if one_address else number
        return PortMapping(container=number, local=local, name=name)

    def _environment(self) -> ClusterEnvironment:
        found = cluster_environment(
            self.groups, self._objects, self._pod_fields(), self.context.machine, self.context.environment
        )
        self.settings |= dict.fromkeys(found.settings)
        if len(self.resources.ray_services) == 1 or not self.context.gpus:
            return found
        own = ",".join(map(str, self.gpus))
        why = "each cluster sees GPUs of its own, since Ray takes all that it sees"
        self._note("env CUDA_VISIBLE_DEVICES", own or "none", why)
        return msgspec.structs.replace(found, values={**found.values, "CUDA_VISIBLE_DEVICES": own})

    @cached_property
    def _objects(self) -> Sources:
        here, resources = self.namespace, self.resources
        return Sources(
            namespace=here,
            secrets={name: one for (where, name), one in resources.secrets.items() if where == here},
            config_maps={name: one for (where, name), one in resources.config_maps.items() if where == here},
        )

    def _pod_fields(self) -> dict[str, str]:
        return {
            "metadata.name": self.name,
            "metadata.namespace": self.namespace,
            "spec.nodeName": self.context.machine.node_name,
            "status.hostIP": ONLY_LOOPBACK,
            "status.podIP": self.address,
            "status.podIPs": self.address,
        }

    # ── models and code ──

    def _places(self) -> ModelPlaces:
        """Where models may lie: what the user says, then the volumes of the Pods."""
        paths: dict[str, str] = {}
        origins: dict[str, str] = {}
        places = Places(
            directory=self.directory,
            claims=f"{self.context.home}/volumes/{self.namespace}",
            table=self.context.models.table,
        )
        for group in self.groups:
            if group.container is not None:
                volumes = plan_volumes(group.template.spec, group.container, self._objects, places, {})
                paths.update(volumes.paths)
                origins.update(volumes.origins)
        return ModelPlaces(self.context.models, origins, paths)

    def _adapters(self) -> AdapterBucket | None:
        """A folder for this service: a new cluster finds there what the one before it had."""
        bucket = self.context.adapters
        return None if bucket is None else bucket.below(self.namespace, self.service.metadata.name)

    def _working_dirs(self, config: Mapping[str, Any]) -> dict[str, str]:
        """Local folders that applications name, as written -> absolute."""
        found: dict[str, str] = {}
        for written in local_folders(config):
            base = self.context.folder_of(self.service)
            found[written] = posixpath.normpath(posixpath.join(base, written.removeprefix("file://")))
            self._note("working_dir", f"{written} -> {found[written]}", "a local folder, packed for Ray")
        return found

    # ── what people are told ──

    def _note_node(self) -> None:
        pods = sum(group.pods for group in self.groups)
        change = f"one node instead of {pods} Pods, and one endpoint for all of them"
        self._note("rayClusterConfig", change, "Serve's proxy spreads requests over the replicas behind it")
        where = f"{self.address}:{self._port(SERVE_PORT, '').local}"
        self._note("http_options", where, "each cluster has a loopback address of its own")
        if self.service.spec.ray_cluster_config.enable_in_tree_autoscaling:
            self._note("enableInTreeAutoscaling", "left out", "one machine cannot be made larger")

    def _note_upgrade(self) -> None:
        if self.service.spec.upgrade_strategy.type == "NewClusterWithIncrementalUpgrade":
            why = "traffic moves in one step, when every application of the new cluster runs"
            self._note("upgradeStrategy", "as NewCluster", why)

    def _skipped(self) -> Iterator[Skipped]:
        """Side containers: of each group only Ray's own, the first, runs."""
        for group in self.groups:
            spec = group.template.spec
            for container in (*spec.init_containers, *spec.containers[1:]):
                yield Skipped(
                    namespace=self.namespace,
                    deployment=self.service.metadata.name,
                    name=container.name,
                    reason="of a Ray Pod only Ray itself, the first container, runs here",
                )


def _seconds(text: str) -> float:
    """A Go duration or plain seconds; 0 where there is none or it is neither."""
    try:
        return float(text) if text.replace(".", "", 1).isdigit() else parse_go_duration(text)
    except ValueError:
        return 0.0
