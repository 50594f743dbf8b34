"""Which adapters the manifests want on the replicas of which Deployment. Pure.

Two ways to say so: a ``vLLMLoRAConfig`` in a ConfigMap that the Deployment's syncer container mounts (exactly as the
inference extension's syncer reads it), and InferenceModels of its pools whose target models have a source
(``--source``, ``sources``).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Set
from typing import TYPE_CHECKING

import msgspec

from modelyard.lora.lora_config import DEFAULT_PORT, LoraConfig, Wanted, check_name, read_lora_config
from modelyard.lora.slots import SlotPolicy
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.apps import Deployment
    from modelyard.resources.core import ConfigMap
    from modelyard.resources.inference import InferenceModel
    from modelyard.resources.pods import Container
    from modelyard.resources.resource_set import ResourceSet
    from modelyard.resources.volumes import Volume, VolumeMount

SLOTS_ANNOTATION = "modelyard.dev/lora-slots"
"""On the ConfigMap: ``swap``, ``evict`` or ``strict`` (``SlotPolicy``)."""
CONFIG_VARIABLE = "DYNAMIC_LORA_ROLLOUT_CONFIG"
DEFAULT_CONFIG = "/config/configmap.yaml"
HERE = frozenset({"", "localhost", "127.0.0.1", "::1", "[::1]", "0.0.0.0"})
_IMAGE = re.compile(r"(?:^|/)lora-syncer\b")


class DeploymentAdapters(msgspec.Struct, frozen=True, kw_only=True):
    """What the replicas of one Deployment should have."""

    want: tuple[Wanted, ...] = ()
    absent: frozenset[str] = frozenset()
    policy: SlotPolicy = SlotPolicy.SWAP
    config_map: str = ""
    """``namespace/name`` of the ConfigMap; empty: there is none."""
    default_base_model: str = ""
    port: int | None = None
    """The port that the file names; None: there is no file."""
    problems: tuple[str, ...] = ()
    """What is wrong with it, for people; an unreadable file wants nothing here (see ``unreadable``)."""
    unreadable: bool = False
    """The file could not be read: what it said before stays in force."""


def is_syncer(container: Container) -> bool:
    """Whether a container is the LoRA syncer, the original or ``modelyard lora-sync``."""
    if container.command:
        return "lora-sync" in (*container.command, *container.args)
    return bool(_IMAGE.search(container.image.partition("@")[0])) or "lora-sync" in container.args


def deployment_adapters(
    resources: ResourceSet, deployment: Deployment, sources: SourceTable, base_models: Set[str]
) -> DeploymentAdapters:
    """What is wanted. ``base_models``: names that the Deployment's servers serve anyhow."""
    found = _from_config_map(resources, deployment)
    known = {one.name for one in found.want} | found.absent | base_models
    models = [one for one in _from_models(resources, deployment, sources) if one.name not in known]
    return msgspec.structs.replace(found, want=(*found.want, *models)) if models else found


def _from_config_map(resources: ResourceSet, deployment: Deployment) -> DeploymentAdapters:
    pod = deployment.spec.template.spec
    syncer = next((one for one in (*pod.init_containers, *pod.containers) if is_syncer(one)), None)
    if syncer is None:
        return DeploymentAdapters()
    place = _config_place(syncer)
    mount = _mount_of(syncer, place)
    volume = next((one for one in pod.volumes if mount is not None and one.name == mount.name), None)
    if mount is None or volume is None or volume.config_map is None:
        return _broken("", f"its syncer reads {place}, where no volume with a ConfigMap is mounted")
    name = f"{deployment.metadata.namespace}/{volume.config_map.name}"
    config_map = resources.config_maps.get((deployment.metadata.namespace, volume.config_map.name))
    if config_map is None:
        return _broken(name, f"ConfigMap {name} is in no manifest")
    key = _key_of(place, mount, volume)
    text = config_map.data.get(key)
    if text is None:
        return _broken(name, f"ConfigMap {name} has no key {key}, which its syncer reads as {place}")
    try:
        config = read_lora_config(text, origin=f"ConfigMap {name}")
    except ValueError as problem:
        return _broken(name, f"ConfigMap {name}, key {key}: {problem}")
    return read_config(config, config_map, name)


def read_config(config: LoraConfig, config_map: ConfigMap, name: str) -> DeploymentAdapters:
    """What the ConfigMap ``name`` wants, with what is wrong in it."""
    problems = [
        f"ConfigMap {name}: {one} is in ensureExist and ensureNotExist; it is left as it is"
        for one in config.contradictions
    ]
    given = config_map.metadata.annotations.get(SLOTS_ANNOTATION, SlotPolicy.SWAP.value)
    try:
        policy = SlotPolicy(given)
    except ValueError:
        policy = SlotPolicy.SWAP
        problems.append(f"ConfigMap {name}: {SLOTS_ANNOTATION} is {given!r}; write swap, evict or strict")
    if config.host not in HERE:
        problems.append(
            f"ConfigMap {name}: host is {config.host}, another machine's server; write localhost for the Pod's own"
        )
        return DeploymentAdapters(config_map=name, policy=policy, port=config.port, problems=tuple(problems))
    return DeploymentAdapters(
        want=config.exist,
        absent=config.absent,
        policy=policy,
        config_map=name,
        default_base_model=config.default_base_model,
        port=config.port,
        problems=tuple(problems),
    )


def _broken(config_map: str, problem: str) -> DeploymentAdapters:
    return DeploymentAdapters(config_map=config_map, problems=(problem,), unreadable=True)


def _config_place(syncer: Container) -> str:
    words = [*syncer.command, *syncer.args]
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == "--config" and (equals or index + 1 < len(words)):
            return value if equals else words[index + 1]
    given = next((one.value for one in syncer.env if one.name == CONFIG_VARIABLE), "")
    return given or DEFAULT_CONFIG


def _mount_of(syncer: Container, place: str) -> VolumeMount | None:
    """The mount that holds the file: the deepest of those above it."""
    above = [one for one in syncer.volume_mounts if f"{place}/".startswith(f"{one.mount_path.rstrip('/')}/")]
    return max(above, key=lambda one: len(one.mount_path), default=None)


def _key_of(place: str, mount: VolumeMount, volume: Volume) -> str:
    """The ConfigMap's key of the file: with ``items`` its path leads to it, with ``subPath`` the mount is the file."""
    below = posixpath.relpath(place, mount.mount_path or "/")
    if mount.sub_path:
        below = mount.sub_path if below == "." else posixpath.join(mount.sub_path, below)
    items = volume.config_map.items if volume.config_map is not None else ()
    return next((item.key for item in items if item.path == below), below)


def _from_models(resources: ResourceSet, deployment: Deployment, sources: SourceTable) -> Iterator[Wanted]:
    """Target models of the Deployment's pools that have a source of their own."""
    namespace, labels = deployment.metadata.namespace, deployment.spec.template.metadata.labels
    for target, origin in pool_targets(resources, namespace, labels):
        if sources.key_of(target) is not None:
            yield Wanted(name=target, source=target, origin=origin)


def pool_targets(resources: ResourceSet, namespace: str, labels: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(target model, InferenceModel that names it) of the pools that select Pods with these labels."""
    pools = {
        pool.metadata.name
        for (where, _), pool in resources.inference_pools.items()
        if where == namespace and pool.spec.selector.match_labels.items() <= labels.items()
    }
    seen: set[str] = set()
    for (where, name), model in resources.inference_models.items():
        if where != namespace or model.spec.pool_ref.name not in pools:
            continue
        for target in _targets(model):
            if target not in seen:
                seen.add(target)
                yield target, f"InferenceModel {namespace}/{name}"


def _targets(model: InferenceModel) -> Iterator[str]:
    for target in [target.name for target in model.spec.target_models] or [model.spec.model_name]:
        try:
            check_name(target)
        except ValueError:
            continue
        yield target


def same_port(adapters: DeploymentAdapters, serving: int) -> bool:
    """Whether the file's port is the server's; a file without a port means 8000."""
    return adapters.port is None or (adapters.port or DEFAULT_PORT) == serving
