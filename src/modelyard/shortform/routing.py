"""The address, the routes by model name, the pools, and the names with a split or a criticality."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelyard.resources.inference import OLD_POOL_GROUP, POOL_GROUP
from modelyard.resources.yard import YardModel, YardRoute, object_name
from modelyard.shortform.servers import app_label
from modelyard.shortform.target import Manifest, Setting

PICKER_PORT = 9002
PRIORITIES = {"Critical": 1, "Sheddable": -1}
"""Criticality -> priority of an InferenceObjective. ``Standard`` is 0, which needs none."""
_GATEWAY = "gateway.networking.k8s.io/v1"
_ALPHA2 = f"{OLD_POOL_GROUP}/v1alpha2"
_MODEL_HEADER = "X-Gateway-Model-Name"
_BASE_HEADER = "X-Gateway-Base-Model-Name"


def routing(setting: Setting) -> Iterator[Manifest]:
    """Everything between the address and the servers."""
    yield _gateway(setting)
    for model in setting.yard.spec.models:
        yield _pool(model, setting)
        yield _model_route(model, setting)
    for route in setting.yard.spec.routes:
        yield _split_route(route, setting)
        yield from _split_names(route, setting)
    yield from (_priorities if setting.local else _objectives)(setting)


def picker_name(model: YardModel) -> str:
    """Service of the endpoint picker that a cluster would ask; the name that the extension's Helm chart gives it."""
    return f"{object_name(model.name)}-epp"


def _gateway(setting: Setting) -> Manifest:
    written = setting.yard.spec.gateway
    listener: Manifest = {"name": "http", "protocol": "HTTP", "port": written.port}
    if written.hostname is not None:
        listener["hostname"] = written.hostname
    spec = {"gatewayClassName": written.class_name, "listeners": [listener]}
    return setting.object(_GATEWAY, "Gateway", setting.yard.metadata.name, spec=spec)


def _pool(model: YardModel, setting: Setting) -> Manifest:
    spec = {
        "selector": {"matchLabels": app_label(model)},
        "targetPorts": [{"number": model.port}],
        "endpointPickerRef": {"name": picker_name(model), "port": {"number": PICKER_PORT}},
    }
    return setting.object(f"{POOL_GROUP}/v1", "InferencePool", object_name(model.name), spec=spec)


def _model_route(model: YardModel, setting: Setting) -> Manifest:
    """A model and its adapters; by the base's name also adapters that are loaded later."""
    headers = [(_MODEL_HEADER, name) for name in model.names]
    if model.adapters:
        headers.append((_BASE_HEADER, model.name))
    return _http_route(model.name, headers, [_backend(model)], setting)


def _split_route(route: YardRoute, setting: Setting) -> Manifest:
    """Shares among pools; the shares inside a pool are the names' matter."""
    backends = [
        _backend(model, weight=sum(weight for _, weight in targets)) for model, targets in _by_pool(route, setting)
    ]
    return _http_route(route.name, [(_MODEL_HEADER, route.name)], backends, setting)


def _http_route(name: str, headers: Iterable[tuple[str, str]], backends: list[Manifest], setting: Setting) -> Manifest:
    matches = [{"headers": [{"name": header, "value": value}]} for header, value in headers]
    spec = {
        "parentRefs": [{"name": setting.yard.metadata.name}],
        "rules": [{"matches": matches, "backendRefs": backends}],
    }
    return setting.object(_GATEWAY, "HTTPRoute", object_name(name), spec=spec)


def _backend(model: YardModel, weight: int | None = None) -> Manifest:
    backend: Manifest = {"group": POOL_GROUP, "kind": "InferencePool", "name": object_name(model.name)}
    return backend if weight is None else {**backend, "weight": weight}


def _split_names(route: YardRoute, setting: Setting) -> Iterator[Manifest]:
    """In each pool, what the route's name means there."""
    for model, targets in _by_pool(route, setting):
        # A dot, which no other name has: nothing else can be called so.
        name = f"{object_name(route.name)}.{object_name(model.name)}"
        make = _inference_model if setting.local else _rewrite
        yield make(setting, name, route.name, model, targets, route.criticality)


def _by_pool(route: YardRoute, setting: Setting) -> list[tuple[YardModel, list[tuple[str, int]]]]:
    """The split's entries with a weight, by the model whose servers have them."""
    pools = [
        (model, [(name, weight) for name, weight in route.split.items() if weight and name in model.names])
        for model in setting.yard.spec.models
    ]
    return [(model, targets) for model, targets in pools if targets]


def _inference_model(
    setting: Setting,
    name: str,
    asked: str,
    model: YardModel,
    targets: list[tuple[str, int]],
    criticality: str | None,
) -> Manifest:
    spec: Manifest = {"modelName": asked}
    if criticality is not None:
        spec["criticality"] = criticality
    spec["poolRef"] = {"name": object_name(model.name)}
    spec["targetModels"] = [{"name": target, "weight": weight} for target, weight in targets]
    return setting.object(_ALPHA2, "InferenceModel", name, spec=spec)


def _rewrite(
    setting: Setting, name: str, asked: str, model: YardModel, targets: list[tuple[str, int]], _: str | None
) -> Manifest:
    """The kind that replaced InferenceModel on clusters."""
    rule = {
        "matches": [{"model": {"type": "Exact", "value": asked}}],
        "targets": [{"modelRewrite": target, "weight": weight} for target, weight in targets],
    }
    spec = {"poolRef": _pool_ref(model), "rules": [rule]}
    return setting.object(_ALPHA2, "InferenceModelRewrite", name, spec=spec)


def _pool_ref(model: YardModel) -> Manifest:
    return {"group": POOL_GROUP, "name": object_name(model.name)}


def _priorities(setting: Setting) -> Iterator[Manifest]:
    """Models and adapters that say who is served first."""
    for model in setting.yard.spec.models:
        for item in model.served:
            if item.criticality is not None:
                targets = [(item.name, 1)]
                name = object_name(item.name)
                yield _inference_model(setting, name, item.name, model, targets, item.criticality)


def _objectives(setting: Setting) -> Iterator[Manifest]:
    """On a cluster a priority belongs to a request, which names it in a header: one per pool and criticality."""
    for model in setting.yard.spec.models:
        used = {item.criticality for item in model.served}
        used |= {route.criticality for route in setting.yard.spec.routes if set(route.split) & set(model.names)}
        for criticality, priority in PRIORITIES.items():
            if criticality in used:
                name = f"{object_name(model.name)}.{criticality.lower()}"
                spec = {"priority": priority, "poolRef": _pool_ref(model)}
                yield setting.object(_ALPHA2, "InferenceObjective", name, spec=spec)
