"""InferencePools that no manifest has, because a Helm chart makes them on a cluster.

Routes and InferenceModels name such a pool, and the InferenceModels name its models. Where just one RayService of the
namespace serves any of them, it is what the pool selects, and the pool is there without being written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.inference import (
    OLD_POOL_GROUP,
    POOL_GROUP,
    InferenceModel,
    InferencePool,
    InferencePoolSpec,
    PoolSelector,
    TargetPort,
)
from modelyard.resources.metadata import ObjectMeta
from modelyard.resources.ray_serve_service import SERVICE_LABEL
from modelyard.resources.ray_service import SERVE_PORT, RayService
from modelyard.resources.serve_config import read_serve_config

STANDS_FOR = "modelyard.dev/stands-for"
"""Annotation of a pool that was made here: what it selects, for people."""


def chart_pools(objects: Iterable[object]) -> Iterator[InferencePool]:
    """One for each pool that is named, not there, and whose server is plain."""
    everything = list(objects)
    there = {(one.metadata.namespace, one.metadata.name) for one in everything if isinstance(one, InferencePool)}
    models = _models_of_pools(everything)
    for key in dict.fromkeys(_routed(everything)):
        servers = [
            one for one in everything if isinstance(one, RayService) and _serves(one, key[0], models.get(key, ()))
        ]
        if key not in there and len(servers) == 1:
            yield _pool(key, servers[0])


def _models_of_pools(objects: list[object]) -> dict[tuple[str, str], frozenset[str]]:
    """(namespace, pool) -> names that its InferenceModels lead to."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for one in objects:
        if isinstance(one, InferenceModel):
            key = (one.metadata.namespace, one.spec.pool_ref.name)
            names = [target.name for target in one.spec.target_models] or [one.spec.model_name]
            found[key] = found.get(key, frozenset()).union(names)
    return found


def _routed(objects: list[object]) -> Iterator[tuple[str, str]]:
    """(namespace, name) of every pool that a route leads to."""
    for one in objects:
        if isinstance(one, HTTPRoute):
            for rule in one.spec.rules:
                for backend in rule.backend_refs:
                    if backend.kind == "InferencePool" and backend.group in (POOL_GROUP, OLD_POOL_GROUP):
                        yield backend.namespace or one.metadata.namespace, backend.name


def _serves(service: RayService, namespace: str, models: Iterable[str]) -> bool:
    if service.metadata.namespace != namespace:
        return False
    config = read_serve_config(service.spec.serve_config_v2).config
    return config is not None and not frozenset(config.model_ids).isdisjoint(models)


def _pool(key: tuple[str, str], service: RayService) -> InferencePool:
    return InferencePool(
        api_version=f"{POOL_GROUP}/v1",
        kind="InferencePool",
        metadata=ObjectMeta(
            namespace=key[0], name=key[1], annotations={STANDS_FOR: f"RayService {service.metadata.name}"}
        ),
        spec=InferencePoolSpec(
            selector=PoolSelector(match_labels={SERVICE_LABEL: service.metadata.name}),
            target_ports=(TargetPort(number=SERVE_PORT),),
        ),
        origin=service.origin,
    )
