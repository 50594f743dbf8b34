"""Environment variables that the pinned Ray does not read, and versions that contradict each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import Any

from modelyard.findings.ray_services import (
    applications,
    containers,
    image_release,
    name_of,
    ray_release,
    written_release,
)
from modelyard.findings.ray_switch_names import FIRST_RELEASE, PREFIXES, RELEASES
from modelyard.resources.errors import nearest
from modelyard.resources.finding import Finding
from modelyard.resources.ray_service import RayService
from modelyard.resources.resource_set import ResourceSet

Release = tuple[int, int]


def unknown_switches(resources: ResourceSet) -> Iterator[Finding]:
    """``RAY_SERVE_…`` and ``RAYLLM_…`` variables of containers and of applications' ``runtime_env``."""
    for service in resources.ray_services.values():
        release = ray_release(service)
        for name in sorted(_variables(resources, service)):
            if name.startswith(PREFIXES):
                yield from _about(service, name, release)


def _variables(resources: ResourceSet, service: RayService) -> set[str]:
    names = {variable.name for container in containers(service) for variable in container.env}
    for owner, app in applications(resources):
        if owner is service:
            names |= _in_runtime_env(app.runtime_env)
            args = app.llm_args
            for model in args.models if args is not None else ():
                names |= _in_runtime_env(model.runtime_env or {})
    return names


def _in_runtime_env(environment: Mapping[str, Any]) -> set[str]:
    variables = environment.get("env_vars")
    return set(variables) if isinstance(variables, dict) else set()


def _about(service: RayService, name: str, release: Release | None) -> Iterator[Finding]:
    first = FIRST_RELEASE.get(name)
    if first is None:
        known = nearest(name, FIRST_RELEASE)
        yield Finding(
            object=name_of(service),
            check="ray-switches",
            message=f"no Ray up to {_text(RELEASES[-1])} reads {name}: it has no effect",
            advice=f"remove it, or write {known}" if known else "remove it",
        )
    elif release is not None and _before(release, first):
        yield Finding(
            object=name_of(service),
            check="ray-switches",
            message=f"Ray {_text(release)} does not read {name}: it has no effect there",
            advice=f"remove it, or take an image of Ray {_text(first)} or later",
        )


def _before(release: Release, first: Release) -> bool:
    """Whether ``release`` certainly has not got what ``first`` brought; unsure between two releases that were read."""
    if first == RELEASES[0]:
        return False
    earlier = RELEASES[RELEASES.index(first) - 1]
    return release <= earlier and bisect_right(RELEASES, release) > 0


def _text(release: Release) -> str:
    return f"{release[0]}.{release[1]}"


def ray_versions(resources: ResourceSet) -> Iterator[Finding]:
    """Head, workers and ``rayVersion`` are one release: Ray's nodes join only their like."""
    for service in resources.ray_services.values():
        found = {container.image: image_release(container.image) for container in containers(service)}
        releases = {image: release for image, release in found.items() if release is not None}
        written = written_release(service.spec.ray_cluster_config.ray_version)
        if written is not None:
            releases["rayVersion"] = written
        if len(set(releases.values())) > 1:
            shown = ", ".join(f"{name} ({_text(release)})" for name, release in releases.items())
            yield Finding(
                object=name_of(service),
                check="ray-versions",
                message=f"its parts are of several releases of Ray: {shown}",
                advice="use images of one release, and the same in rayVersion",
            )
