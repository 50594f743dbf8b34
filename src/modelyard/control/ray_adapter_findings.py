"""Remarks of ``modelyard check`` on adapters of Ray Serve LLM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelyard.control.adapter_wishes import HandMade
from modelyard.control.ray_adapters import NO_PATH, ray_wish
from modelyard.local.ray.pod_groups import pod_groups
from modelyard.lora.engine_limits import EngineLimits, limits_of_keywords
from modelyard.lora.ray_wanted import ray_bases
from modelyard.resources.finding import Finding
from modelyard.resources.serve_config import read_serve_config
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.ray_service import RayService
    from modelyard.resources.resource_set import ResourceSet


def ray_adapter_findings(resources: ResourceSet, sources: SourceTable) -> Iterator[Finding]:
    """For every RayService: wishes that cannot be carried out, and models that cannot load what is wanted of them."""
    for service in resources.ray_services.values():
        if not ray_bases(service):
            continue
        labels: dict[str, str] = {}
        for group in pod_groups(service.spec.ray_cluster_config):
            labels |= group.template.metadata.labels
        name = f"RayService {service.metadata.namespace}/{service.metadata.name}"
        adapters = ray_wish(resources, service, labels, sources, by_hand=HandMade(), before=None).adapters
        for problem in adapters.problems:
            advice = "correct it; modelyard lora ls shows what is loaded"
            yield Finding(object=name, check="adapter-config", message=problem, advice=advice)
        limits = _limits(service)
        for base in dict.fromkeys(one.base_model for one in adapters.want):
            wanted = [one.name for one in adapters.want if one.base_model == base]
            yield from _of_model(name, base, wanted, limits[base])


def _of_model(name: str, base: str, wanted: list[str], limits: EngineLimits) -> Iterator[Finding]:
    if limits.problem:
        yield Finding(
            object=name,
            check="lora-enabled",
            message=f"{len(wanted)} adapters are wanted on {base}: {', '.join(wanted)}",
            advice=limits.problem,
        )
    elif len(wanted) > (limits.max_loras or 1):
        yield Finding(
            object=name,
            check="lora-slots",
            message=f"{len(wanted)} adapters are wanted on {base}, and one batch of its vLLM holds {limits.max_loras}: "
            "requests for the others wait",
            advice=f"max_loras: {len(wanted)} in engine_kwargs (each costs GPU memory, used or not)",
        )


def _limits(service: RayService) -> dict[str, EngineLimits]:
    """Model -> what its configuration takes."""
    config = read_serve_config(service.spec.serve_config_v2).config
    models = [
        model
        for app in (config.applications if config is not None else ())
        for model in (app.llm_args.models if app.llm_args is not None else ())
    ]
    paths = {base.model_id: base.path for base in ray_bases(service)}
    return {
        model.model_id: limits_of_keywords(model.engine_kwargs or {}, "" if paths[model.model_id] else NO_PATH)
        for model in models
    }
