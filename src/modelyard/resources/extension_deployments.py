"""Deployments of an endpoint picker or a body-based router among the manifests, as Helm charts make them.

What they do on a cluster Modelyard does by itself, so they are not run here. What their arguments say still counts: the
EndpointPickerConfig of a pool, and the headers that are set from bodies. The rest of the arguments is about processes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import dirname
from typing import Literal

import msgspec

from modelyard.resources.apps import Deployment
from modelyard.resources.core import ConfigMap
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.errors import ResourceError
from modelyard.resources.helm import BodyBasedRouterValues
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import LoadResult, load_documents, load_value
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.pods import Container, PodSpec

Role = Literal["epp", "bbr"]
"""Endpoint picker, body-based router."""

_IMAGES: Mapping[str, Role] = {
    "epp": "epp",
    "lwepp": "epp",
    "llm-d-inference-scheduler": "epp",
    "llm-d-router": "epp",
    "bbr": "bbr",
    "llm-d-inference-payload-processor": "bbr",
}
"""Last part of an image's name, without tag or digest -> what its entry point is."""
_IMAGE_NAME = re.compile(r"(?:^|/)([\w.-]+)(?::[\w.-]+)?$")
_FLAG = re.compile(r"--?([A-Za-z][\w-]*)(?:=(.*))?", re.DOTALL)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def extension_role(image: str, command: Sequence[str], args: Sequence[str]) -> Role | None:
    """What a container is; None: neither. ``modelyard epp`` counts like the original."""
    words = [word.rpartition("/")[2] for word in command] + list(args)
    for role in ("epp", "bbr"):
        if words[:2] == ["modelyard", role] or (not command and words[:1] == [role]):
            return role
    name = _IMAGE_NAME.search(image.partition("@")[0])
    own = not command or command[0].rpartition("/")[2] in _IMAGES
    return _IMAGES.get(name[1]) if name is not None and own else None


def extension_settings(objects: Iterable[object]) -> LoadResult:
    """The EndpointPickerConfigs and router values that such Deployments are given, and what is wrong with them."""
    everything = list(objects)
    maps = {(one.metadata.namespace, one.metadata.name): one for one in everything if isinstance(one, ConfigMap)}
    written = {
        (one.metadata.namespace, one.metadata.name) for one in everything if isinstance(one, EndpointPickerConfig)
    }
    pools = [one for one in everything if isinstance(one, InferencePool)]
    has_values = any(isinstance(one, BodyBasedRouterValues) for one in everything)
    found = [
        result
        for one in everything
        if isinstance(one, Deployment)
        for result in _of_deployment(one, maps, pools, written, wants_values=not has_values)
    ]
    return LoadResult(
        objects=tuple(item for result in found for item in result.objects),
        errors=tuple(error for result in found for error in result.errors),
    )


def _of_deployment(
    deployment: Deployment,
    maps: Mapping[tuple[str, str], ConfigMap],
    pools: Sequence[InferencePool],
    written: set[tuple[str, str]],
    *,
    wants_values: bool,
) -> Iterator[LoadResult]:
    pod = deployment.spec.template.spec
    for container in pod.containers:
        role = extension_role(container.image, container.command, container.args)
        flags = _flags((*container.command, *container.args)) if role is not None else {}
        if role == "epp":
            pool = (deployment.metadata.namespace, _last(flags, "pool-name"))
            text = _last(flags, "config-text") or _file(_last(flags, "config-file"), container, pod, pool[0], maps)
            is_served = any((one.metadata.namespace, one.metadata.name) == pool for one in pools)
            if text and is_served and pool not in written:
                yield _config(text, deployment, pool)
        elif role == "bbr" and wants_values and "plugin" in flags:
            yield _values(flags["plugin"], deployment)


def _flags(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Values by flag in kebab case, as Go's flags are written (``-poolName p``, ``--pool-name=p``)."""
    found: dict[str, list[str]] = {}
    rest = list(arguments)
    while rest:
        flag = _FLAG.fullmatch(rest.pop(0))
        if flag is None:
            continue
        name = _CAMEL.sub("-", flag[1]).lower()
        if flag[2] is not None:
            found.setdefault(name, []).append(flag[2])
        elif rest and not rest[0].startswith("-"):
            found.setdefault(name, []).append(rest.pop(0))
    return found


def _last(flags: Mapping[str, list[str]], name: str) -> str:
    return flags[name][-1] if name in flags else ""


def _file(
    path: str, container: Container, pod: PodSpec, namespace: str, maps: Mapping[tuple[str, str], ConfigMap]
) -> str:
    """What a file of the container holds that is mounted from a ConfigMap; empty: nothing that is known here."""
    mount = next((one for one in container.volume_mounts if path and one.mount_path.rstrip("/") == dirname(path)), None)
    volume = next((one for one in pod.volumes if mount is not None and one.name == mount.name), None)
    source = volume.config_map if volume is not None else None
    config_map = maps.get((namespace, source.name)) if source is not None else None
    if source is None or config_map is None:
        return ""
    file = path.rpartition("/")[2]
    key = next((item.key for item in source.items if item.path == file), file)
    return config_map.data.get(key, "")


def _config(text: str, deployment: Deployment, pool: tuple[str, str]) -> LoadResult:
    """The config under the pool's name, where it is looked for."""
    source = str(deployment.origin)
    loaded = load_documents(text, source)
    configs = [one for one in loaded.objects if isinstance(one, EndpointPickerConfig)]
    if not configs and not loaded.errors:
        message = f"the config of endpoint picker {deployment.metadata.name} is no EndpointPickerConfig"
        return LoadResult(errors=(ResourceError.at(deployment.origin, message=message),))
    meta = ObjectMeta(namespace=pool[0], name=pool[1])
    named = tuple(msgspec.structs.replace(one, metadata=meta, origin=deployment.origin) for one in configs[:1])
    return LoadResult(objects=named, errors=loaded.errors)


def _values(plugins: Sequence[str], deployment: Deployment) -> LoadResult:
    """``--plugin TYPE:NAME[:JSON]`` as the values file has them."""
    entries = []
    for text in plugins:
        kind, _, rest = text.partition(":")
        name, _, parameters = rest.partition(":")
        try:
            values = msgspec.json.decode(parameters) if parameters else {}
        except msgspec.DecodeError:
            message = f"--plugin {text!r}: the part after the name is no JSON"
            return LoadResult(errors=(ResourceError.at(deployment.origin, message=message),))
        entries.append({"type": kind, "name": name, "json": values})
    return load_value({"bbr": {"plugins": entries}}, deployment.origin)
