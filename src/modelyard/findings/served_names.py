"""Model names that are written by hand in several places, where the places disagree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelyard.findings.ray_services import applications, name_of
from modelyard.resources.errors import nearest
from modelyard.resources.finding import Finding
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.inference import InferenceModel
from modelyard.resources.ray_service import RayService
from modelyard.resources.resource_set import ResourceSet

MODEL_HEADERS = frozenset({"x-gateway-model-name", "x-model-name", "serve_multiplexed_model_id"})
"""Headers, in lower case, that say the model; Modelyard sets the first from the body."""


class _Served:
    """Models of the RayServices that say all that they serve: those that only run Ray Serve LLM."""

    def __init__(self, resources: ResourceSet) -> None:
        self.by_service: dict[tuple[str, str], tuple[str, ...]] = {}
        open_ended: set[tuple[str, str]] = set()
        self.names: dict[tuple[str, str], str] = {}
        for service, app in applications(resources):
            key = (service.metadata.namespace, service.metadata.name)
            self.names[key] = name_of(service)
            self.by_service[key] = (*self.by_service.get(key, ()), *app.model_ids)
            if not app.is_openai_app or _dynamic(service):
                open_ended.add(key)
        for key in open_ended:
            del self.by_service[key]

    def behind(self, namespace: str, service: str) -> tuple[tuple[str, str], tuple[str, ...]] | None:
        """The RayService behind a Service of its, with its models."""
        key = (namespace, service.removesuffix("-serve-svc"))
        return (key, self.by_service[key]) if service.endswith("-serve-svc") and key in self.by_service else None


def _dynamic(service: RayService) -> bool:
    """Adapters are loaded by name, so names beyond the configuration may be served."""
    return "dynamic_lora_loading_path" in service.spec.serve_config_v2


def route_model_names(resources: ResourceSet) -> Iterator[Finding]:
    """A route that sends a model's name to a RayService that does not serve it."""
    served = _Served(resources)
    for route in resources.http_routes.values():
        for value, backend in _named(route):
            found = served.behind(route.metadata.namespace, backend)
            if found is None or value in found[1]:
                continue
            key, models = found
            right = nearest(value, models) or ", ".join(models)
            yield Finding(
                object=f"HTTPRoute {route.metadata.namespace}/{route.metadata.name}",
                check="route-model-names",
                message=f"sends model {value!r} to {backend}, and {served.names[key]} does not serve it",
                advice=f"write {right}, or rename the model_id",
            )


def _named(route: HTTPRoute) -> Iterator[tuple[str, str]]:
    """(model name in a header match, Service) of every rule."""
    for rule in route.spec.rules:
        for match in rule.matches:
            for header in match.headers:
                if header.name.lower() in MODEL_HEADERS and header.type == "Exact":
                    for backend in rule.backend_refs:
                        yield header.value, backend.name


def unserved_inference_models(resources: ResourceSet) -> Iterator[Finding]:
    """An InferenceModel whose name no server of its pool has. Only where RayServices alone serve the pool: what a
    Deployment serves is known when it runs."""
    served = _Served(resources)
    for model in resources.inference_models.values():
        names = _of_pool(resources, served, model)
        if not names:
            continue
        for wanted in [target.name for target in model.spec.target_models] or [model.spec.model_name]:
            if wanted not in names:
                yield Finding(
                    object=f"InferenceModel {model.metadata.namespace}/{model.metadata.name}",
                    check="inference-model-unserved",
                    message=f"nothing serves {wanted!r} in pool {model.spec.pool_ref.name}",
                    advice=f"remove it, or name one of {', '.join(sorted(names))}",
                )


def _of_pool(resources: ResourceSet, served: _Served, model: InferenceModel) -> frozenset[str]:
    """What the pool's RayServices serve; empty where others may serve it too."""
    namespace = model.metadata.namespace
    pool = resources.inference_pools.get((namespace, model.spec.pool_ref.name))
    labels = pool.spec.selector.match_labels if pool is not None else {}
    names: set[str] = set()
    for key, service in resources.ray_services.items():
        if key[0] == namespace and _has(service, labels):
            if key not in served.by_service:
                return frozenset()
            names |= set(served.by_service[key])
    others = [item.spec.template.metadata.labels for key, item in resources.deployments.items() if key[0] == namespace]
    if any(_matches(labels, found) for found in others):
        return frozenset()
    return frozenset(names)


def _has(service: RayService, labels: Mapping[str, str]) -> bool:
    cluster = service.spec.ray_cluster_config
    templates = (cluster.head_group_spec.template, *(group.template for group in cluster.worker_group_specs))
    return any(_matches(labels, template.metadata.labels) for template in templates)


def _matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in selector.items())
