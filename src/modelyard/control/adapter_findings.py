"""Remarks of ``modelyard check`` on adapters: what the syncer would do silently, or too late."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelyard.control.ray_adapter_findings import ray_adapter_findings
from modelyard.local import arguments as argv
from modelyard.local.containers import VllmCommand, recognise
from modelyard.local.environment import PodFacts, Sources, build_environment, expand
from modelyard.lora.engine_limits import RUNTIME_UPDATING, EngineLimits, limits_of
from modelyard.lora.unread_wishes import unread_wishes, unserved_targets
from modelyard.lora.wanted import DeploymentAdapters, deployment_adapters, is_syncer, same_port
from modelyard.resources.finding import Finding
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.apps import Deployment
    from modelyard.resources.resource_set import ResourceSet

DEFAULT_PORT = "8000"
NO_SOURCES = SourceTable()
_NAMES = re.compile(r'"name"\s*:\s*"([^"]+)"')


def adapter_findings(resources: ResourceSet, sources: SourceTable = NO_SOURCES) -> Iterator[Finding]:
    """For every Deployment and RayService that adapters are wanted on, and for wishes that reach none."""
    known: dict[tuple[str, str], list[str] | None] = {}
    for key, deployment in resources.deployments.items():
        found = _server(resources, deployment)
        known[key] = None
        if found is None:
            continue
        arguments, limits = found
        served = argv.values(arguments, "--served-model-name") or argv.values(arguments, "--model") or []
        known[key] = [*served, *_given_at_the_start(arguments)]
        adapters = deployment_adapters(resources, deployment, sources, frozenset(served))
        name = f"Deployment {deployment.metadata.namespace}/{deployment.metadata.name}"
        for problem in adapters.problems:
            yield Finding(object=name, check="adapter-config", message=problem, advice="correct the ConfigMap")
        if adapters.want:
            yield from _of_engine(name, adapters, limits)
            yield from _of_file(adapters, served, arguments)
        yield from _of_syncer(name, deployment)
    yield from unread_wishes(resources)
    yield from unserved_targets(resources, known, sources)
    yield from ray_adapter_findings(resources, sources)


def _given_at_the_start(arguments: tuple[str, ...]) -> list[str]:
    """Adapters of ``--lora-modules``, ``NAME=PATH`` or JSON with a name."""
    given = argv.values(arguments, "--lora-modules") or []
    return [name for text in given for name in _NAMES.findall(text) or [text.partition("=")[0]]]


def _of_engine(name: str, adapters: DeploymentAdapters, limits: EngineLimits) -> Iterator[Finding]:
    if not limits.enabled:
        message = f"{len(adapters.want)} adapters are wanted, and its vLLM has no --enable-lora"
        yield Finding(object=name, check="lora-enabled", message=message, advice="add --enable-lora")
    if not limits.runtime_updating:
        yield Finding(
            object=name,
            check="lora-runtime-updating",
            message=f"{len(adapters.want)} adapters are wanted, and vLLM has no calls to load any without "
            f"{RUNTIME_UPDATING}",
            advice=f"add {RUNTIME_UPDATING}=true to its env",
        )
    slots, wanted = limits.max_cpu_loras or 1, len(adapters.want)
    if wanted > slots:
        yield Finding(
            object=name,
            check="lora-slots",
            message=f"{wanted} adapters are wanted, and vLLM keeps {slots} in memory: it reads the others from their "
            "files again whenever they change places",
            advice=f"--max-loras={wanted} (or --max-cpu-loras={wanted}, where GPU memory is short)",
        )
    elif wanted > (limits.max_loras or 1):
        yield Finding(
            object=name,
            check="lora-slots",
            message=f"{wanted} adapters are wanted, and one batch of vLLM holds {limits.max_loras}: requests for the "
            "others wait",
            advice=f"--max-loras={wanted} (each costs GPU memory, used or not)",
        )


def _of_file(adapters: DeploymentAdapters, served: list[str], arguments: tuple[str, ...]) -> Iterator[Finding]:
    name = f"ConfigMap {adapters.config_map}"
    bases = {"defaultBaseModel": adapters.default_base_model}
    bases |= {f"base-model of {one.name}": one.base_model for one in adapters.want}
    for field, base in bases.items():
        if base and served and base not in served:
            yield Finding(
                object=name,
                check="base-model-served",
                message=f"{field} is {base}; its servers serve {', '.join(served)}",
                advice=f"write {served[0]}",
            )
    port = argv.value(arguments, "--port") or DEFAULT_PORT
    if port.isdecimal() and not same_port(adapters, int(port)):
        yield Finding(
            object=name,
            check="adapter-port",
            message=f"port is {adapters.port}; the server listens on {port}",
            advice=f"write port: {port}",
        )
    taken = sorted({one.name for one in adapters.want} & set(served))
    if taken:
        message = f"{', '.join(taken)} is the name of the base model, which the syncer takes for a loaded adapter"
        yield Finding(object=name, check="adapter-name", message=message, advice="give the adapter another id")


def _of_syncer(name: str, deployment: Deployment) -> Iterator[Finding]:
    pod = deployment.spec.template.spec
    for syncer in (*pod.init_containers, *pod.containers):
        if not is_syncer(syncer):
            continue
        tag = syncer.image.rpartition("/")[2].partition(":")[2]
        always = syncer.image_pull_policy == "Always" or (tag in ("", "latest") and not syncer.image_pull_policy)
        if syncer.image and "@" not in syncer.image and tag in ("", "main", "latest") and always:
            yield Finding(
                object=name,
                check="image-not-pinned",
                message=f"container {syncer.name}: image tag {tag or 'latest'} moves: a restart may bring another one",
                advice="name a release, or a digest (@sha256:…)",
            )
        if any(mount.sub_path for mount in syncer.volume_mounts):
            yield Finding(
                object=name,
                check="adapter-config-mount",
                message=f"container {syncer.name} mounts its file with subPath, which does not follow the ConfigMap",
                advice="mount the folder, without subPath",
            )


def _server(resources: ResourceSet, deployment: Deployment) -> tuple[tuple[str, ...], EngineLimits] | None:
    """Arguments and limits of the Deployment's vLLM; None: it has none."""
    namespace = deployment.metadata.namespace
    sources = Sources(
        namespace=namespace,
        secrets={key[1]: one for key, one in resources.secrets.items() if key[0] == namespace},
        config_maps={key[1]: one for key, one in resources.config_maps.items() if key[0] == namespace},
    )
    for container in deployment.spec.template.spec.containers:
        values = build_environment(container, sources, PodFacts(fields={})).values
        command = [expand(word, values) for word in container.command]
        found = recognise(container.image, command, [expand(word, values) for word in container.args])
        if isinstance(found, VllmCommand):
            return found.arguments, limits_of(found.arguments, values)
    return None
