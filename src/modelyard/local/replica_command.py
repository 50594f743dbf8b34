"""One replica of a Deployment: from its container to the process that runs here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.addresses import ONLY_LOOPBACK
from modelyard.local.containers import DoneByModelyard, VllmCommand, recognise
from modelyard.local.cpu_settings import apply_cpu_table
from modelyard.local.engine_folders import plan_engine_folders
from modelyard.local.environment import Environment, PodFacts, Sources, build_environment, expand
from modelyard.local.model_files import ONLY_FOLDERS, ModelPlaces, ModelSources, resolve_models
from modelyard.local.model_servers import VLLM_PORT
from modelyard.local.plan_context import PlanContext
from modelyard.local.pre_stop_plan import plan_pre_stop
from modelyard.local.probe_plan import ProbeTarget, default_readiness, plan_probe, probe_target
from modelyard.local.replica_models import needed_weights, simulated_models, with_paths
from modelyard.local.replica_plan import (
    HUB_TOKENS,
    AppliedSetting,
    PortMapping,
    ReplicaPlan,
)
from modelyard.local.spare_lora_slots import with_spare_slots
from modelyard.local.volumes import Places, VolumePlan, plan_volumes, rewrite_paths

if TYPE_CHECKING:
    from modelyard.local.pre_stop import PreStop
    from modelyard.local.probes import Probe
    from modelyard.resources.apps import Deployment
    from modelyard.resources.pods import Container

LOCAL_VARIABLES = {
    "VLLM_HOST_IP": (ONLY_LOOPBACK, "the processes of one engine talk over loopback, not the network interface"),
    "VLLM_NO_USAGE_STATS": ("1", "vLLM's usage reports would leave this machine"),
}
"""Added for every vLLM replica where the manifest does not set them, with the reason."""


LONGEST_DELAY = 10.0
"""Initial delay in seconds of a startup or readiness probe from which on it is asked earlier."""


def plan_replica(
    deployment: Deployment,
    container: Container,
    *,
    name: str,
    address: str,
    local_port: Callable[[int], int],
    sources: Sources,
    claims: Mapping[str, str],
    context: PlanContext,
    models: ModelSources = ONLY_FOLDERS,
) -> ReplicaPlan:
    """The plan of one replica. Raises ValueError, for people, where the manifest cannot be carried out."""
    return _ReplicaPlanner(deployment, container, name, address, local_port, sources, claims, context, models).plan()


class _ReplicaPlanner:
    """Works out one ReplicaPlan step by step; the steps share what is known so far."""

    def __init__(
        self,
        deployment: Deployment,
        container: Container,
        name: str,
        address: str,
        local_port: Callable[[int], int],
        sources: Sources,
        claims: Mapping[str, str],
        context: PlanContext,
        models: ModelSources,
    ) -> None:
        self.deployment, self.container, self.name, self.address = deployment, container, name, address
        self.local_port, self.sources, self.claims, self.context = local_port, sources, claims, context
        self.models = models
        self.spec = deployment.spec.template.spec
        self.namespace = deployment.metadata.namespace
        self.directory = f"{context.home}/replicas/{self.namespace}_{name}"
        self.settings: list[AppliedSetting] = []
        self.temporary = ""

    def plan(self) -> ReplicaPlan:
        """The plan."""
        environment = build_environment(self.container, self.sources, self._pod_facts())
        values = self._available(environment)
        volumes = self._volumes(values)
        arguments = self._server_arguments(values)
        places = ModelPlaces(self.models, volumes.origins, volumes.paths)
        files = simulated_models(arguments) if self._simulated else resolve_models(arguments, places)
        self.settings += files.settings
        paths = {**volumes.paths, **files.paths}
        arguments = with_paths(files.arguments, paths)
        env = {key: text if key in environment.secret else rewrite_paths(text, paths) for key, text in values.items()}
        port = self._serving_port(arguments)
        ports = self._ports(port)
        arguments = self._bind(arguments, ports[0])
        command, env = self._engine_command(arguments, env)
        target = self._probe_target(volumes, ports)
        startup, readiness, liveness = self._probes(target, ports)
        self._note_what_is_left_out()
        return ReplicaPlan(
            name=self.name,
            namespace=self.namespace,
            deployment=self.deployment.metadata.name,
            container=self.container.name,
            labels=dict(self.deployment.spec.template.metadata.labels),
            engine=self.context.engine.kind,
            address=self.address,
            ports=ports,
            argv=command,
            env=env,
            secret_env=environment.secret & env.keys(),
            directory=self.directory,
            files=volumes.files,
            temporary=self.temporary,
            directories=volumes.directories,
            weights=() if self._simulated else needed_weights(files, self.spec),
            paths=volumes.paths,
            origins=volumes.origins,
            startup=startup,
            readiness=readiness,
            liveness=liveness,
            grace=self._grace,
            pre_stop=self._pre_stop(target),
            settings=tuple(self.settings),
        )

    def _note(self, setting: str, change: str, reason: str) -> None:
        self.settings.append(AppliedSetting(setting=setting, change=change, reason=reason))

    @property
    def _simulated(self) -> bool:
        return self.context.engine.kind == "simulator"

    def _pod_facts(self) -> PodFacts:
        template = self.deployment.spec.template.metadata
        identity = hashlib.blake2b(f"{self.context.home}/{self.namespace}/{self.name}".encode(), digest_size=16)
        node = ONLY_LOOPBACK
        return PodFacts(
            labels=template.labels,
            annotations=template.annotations,
            fields={
                "metadata.name": self.name,
                "metadata.namespace": self.namespace,
                "metadata.uid": identity.hexdigest(),
                "spec.nodeName": self.context.machine.node_name,
                "spec.serviceAccountName": self.spec.service_account_name or "default",
                "status.hostIP": node,
                "status.hostIPs": node,
                "status.podIP": self.address,
                "status.podIPs": self.address,
            },
        )

    def _available(self, environment: Environment) -> dict[str, str]:
        """The environment, where what no manifest defines may come from this machine or be left out."""
        for name, why in environment.missing.items():
            if name in self.context.environment:
                self._note(f"env {name}", "taken from this machine's environment", why)
            elif self._simulated:
                self._note(f"env {name}", "left out", f"{why}; the simulator does not need it")
            elif name in HUB_TOKENS:
                self._note(f"env {name}", "left out", f"{why}; only the hub's gated models ask for it")
            else:
                raise ValueError(f"env {name}: {why}, or set {name} where modelyard is started")
        return dict(environment.values)

    def _volumes(self, values: Mapping[str, str]) -> VolumePlan:
        places = Places(
            directory=self.directory,
            claims=f"{self.context.home}/volumes/{self.namespace}",
            sources=self.claims,
            table=self.models.table,
        )
        volumes = plan_volumes(self.spec, self.container, self.sources, places, values)
        if volumes.missing and not self._simulated:
            raise ValueError("; ".join(volumes.missing))
        self.settings += volumes.settings
        return volumes

    def _server_arguments(self, values: Mapping[str, str]) -> tuple[str, ...]:
        command = [expand(word, values) for word in self.container.command]
        args = [expand(word, values) for word in self.container.args]
        found = recognise(self.container.image, command, args)
        if not isinstance(found, VllmCommand):
            raise ValueError(f"after $(NAME) is filled in, {found.reason}")
        return found.arguments

    def _serving_port(self, arguments: tuple[str, ...]) -> int:
        given = argv.value(arguments, "--port")
        if given is None:
            return VLLM_PORT
        if not given.isdecimal() or not 0 < int(given) < 65536:
            raise ValueError(f"--port is {given!r}; give a number from 1 to 65535")
        return int(given)

    def _ports(self, serving: int) -> tuple[PortMapping, ...]:
        """The serving port, then the other ports that the container names."""
        names = {port.container_port: port.name for port in self.container.ports}
        numbers = dict.fromkeys((serving, *names))
        return tuple(
            PortMapping(container=number, local=self.local_port(number), name=names.get(number, ""))
            for number in numbers
        )

    def _bind(self, arguments: tuple[str, ...], port: PortMapping) -> tuple[str, ...]:
        """Every replica listens on its own address only."""
        was = argv.value(arguments, "--host")
        change = f"{self.address}" + (f" (was {was})" if was else "")
        self._note("--host", change, "each replica has a loopback address of its own")
        if port.local != port.container:
            self._note("--port", f"{port.local} (was {port.container})", "this system has one loopback address")
        arguments = argv.with_value(arguments, "--host", self.address)
        return argv.with_value(arguments, "--port", str(port.local))

    def _engine_command(
        self, arguments: tuple[str, ...], env: dict[str, str]
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        program = self.context.engine
        if self._simulated:
            self._note("engine", "simulated", "--engine sim: the same names and ports, no model")
            return (*program.command, *arguments), env
        folders = plan_engine_folders(env, self.directory, self.context.home, self.context.environment)
        self.temporary = folders.temporary
        self.settings += folders.settings
        env = {**env, **folders.variables}
        for name, (value, reason) in LOCAL_VARIABLES.items():
            if name not in env:
                env[name] = value
                self._note(f"env {name}", f"added {value}", reason)
        if self.context.machine.has_gpu:
            return (*program.command, *arguments), env
        arguments, spare = with_spare_slots(arguments)
        command = apply_cpu_table(arguments, env, self.context.machine)
        self.settings += (*spare, *command.settings)
        return (*program.command, *command.arguments), dict(command.env)

    def _probe_target(self, volumes: VolumePlan, ports: tuple[PortMapping, ...]) -> ProbeTarget:
        moved = {port.container: port.local for port in ports if port.local != port.container}
        return probe_target(self.container, self.address, moved, lambda word: rewrite_paths(word, volumes.paths))

    def _probes(self, target: ProbeTarget, ports: tuple[PortMapping, ...]) -> tuple[Probe | None, ...]:
        startup = self._early("startupProbe", plan_probe(self.container.startup_probe, target))
        readiness = self._early("readinessProbe", plan_probe(self.container.readiness_probe, target))
        liveness = plan_probe(self.container.liveness_probe, target)
        if readiness is None:
            readiness = default_readiness(self.address, ports[0].local)
            why = "the manifest has none; a loading engine would count as ready"
            self._note("readinessProbe", "added GET /health every 1 s", why)
        return startup, readiness, liveness

    @property
    def _grace(self) -> float:
        return float(max(0, self.spec.termination_grace_period_seconds))

    def _pre_stop(self, target: ProbeTarget) -> PreStop | None:
        hooks = self.container.lifecycle
        if hooks is None or hooks.pre_stop is None:
            return None
        hook, settings = plan_pre_stop(hooks.pre_stop, target, self._grace)
        self.settings += settings
        return hook

    def _early(self, name: str, probe: Probe | None) -> Probe | None:
        """A long initial delay is the longest that loading may take on the author's machine, not the shortest here."""
        if probe is None or probe.initial_delay <= LONGEST_DELAY:
            return probe
        change = f"asked every second from the start (was after {probe.initial_delay:g} s)"
        self._note(f"{name}.initialDelaySeconds", change, "ready as soon as it answers; until then no failure counts")
        return msgspec.structs.replace(probe, early=True)

    def _note_what_is_left_out(self) -> None:
        for sidecar in (*self.spec.init_containers, *self.spec.containers):
            known = recognise(sidecar.image, sidecar.command, sidecar.args)
            if isinstance(known, DoneByModelyard):
                self._note(f"container {sidecar.name}", "done by Modelyard's reconciler", known.reason)
        limits = self.container.resources.limits
        if limits:
            shown = ", ".join(f"{name}={quantity}" for name, quantity in limits.items())
            self._note("resources.limits", f"not enforced ({shown})", "a process here shares the whole machine")
        hooks = self.container.lifecycle
        if hooks is not None and hooks.stop_signal:
            self._note("lifecycle.stopSignal", f"SIGTERM (was {hooks.stop_signal})", "replicas are stopped by SIGTERM")
        if hooks is not None and hooks.post_start is not None:
            self._note("lifecycle.postStart", "left out", "hooks run inside the image, which is not used here")
