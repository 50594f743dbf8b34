"""The RayServices of a ResourceSet with their Serve configurations, as checks read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.resources.pods import Container
from modelyard.resources.ray_service import RayService
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.serve_config import ServeApplication, read_serve_config
from modelyard.resources.serve_llm_config import LLMConfig

_TAG = re.compile(r":(?:v|nightly-)?(\d+)\.(\d+)(?:\.\d+)?(?:[^\w]|$)")
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.\d+)?$")


def name_of(service: RayService) -> str:
    """As findings name it."""
    return f"RayService {service.metadata.namespace}/{service.metadata.name}"


def applications(resources: ResourceSet) -> Iterator[tuple[RayService, ServeApplication]]:
    """Every application of every RayService."""
    for service in resources.ray_services.values():
        config = read_serve_config(service.spec.serve_config_v2).config
        for app in config.applications if config is not None else ():
            yield service, app


def llm_models(resources: ResourceSet) -> Iterator[tuple[RayService, LLMConfig]]:
    """Every model of Ray Serve LLM."""
    for service, app in applications(resources):
        args = app.llm_args
        for model in args.models if args is not None else ():
            yield service, model


def containers(service: RayService) -> Iterator[Container]:
    """Ray's own containers: the first of the head and of each worker group."""
    cluster = service.spec.ray_cluster_config
    yield cluster.head
    for group in cluster.worker_group_specs:
        yield group.template.spec.containers[0]


def image_release(image: str) -> tuple[int, int] | None:
    """Ray's release in an image's tag (``rayproject/ray-llm:2.54.0-py311-cu128``); None where it has none."""
    found = _TAG.search(image)
    return (int(found[1]), int(found[2])) if found is not None else None


def ray_release(service: RayService) -> tuple[int, int] | None:
    """Ray's release: what the head's image says, else ``rayVersion``."""
    cluster = service.spec.ray_cluster_config
    return image_release(cluster.head.image) or written_release(cluster.ray_version)


def written_release(text: str) -> tuple[int, int] | None:
    """The release of ``rayVersion``."""
    found = _VERSION.match(text)
    return (int(found[1]), int(found[2])) if found is not None else None
