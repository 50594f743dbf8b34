"""Rules of the short form: what it says must expand to valid resources."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.resources.errors import nearest, shown
from modelyard.resources.faults import Report
from modelyard.resources.ray_service import MAX_NAME, SERVE_PORT
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_labels
from modelyard.resources.weights_source import parse_source
from modelyard.resources.yard import RAY_SERVE, Yard, YardGateway, YardModel, YardRoute, object_name

MAX_ADAPTERS = 32
MAX_TARGETS = 10
"""Entries of one split; InferenceModel takes as many."""
MAX_OBJECT_NAME = 50
"""Leaves room for what Kubernetes appends to a Deployment's name, within 63."""
SET_HERE = {
    "--model": "source",
    "--served-model-name": "name",
    "--host": "gateway",
    "--port": "port",
    "--enable-lora": "adapters",
    "--no-enable-lora": "adapters",
    "--lora-modules": "adapters",
    "--nnodes": "nodes",
    "-n": "nodes",
    "--node-rank": "nodes",
    "-r": "nodes",
    "--master-addr": "nodes",
    "--headless": "nodes",
}
"""Flags that the short form sets itself, and the field that they come from."""
_MAX_WEIGHT = 100_000
"""HTTPRoute takes a million for one backend, which all targets of a split may share."""
_MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]*")


def check_yard(yard: Yard, report: Report) -> None:
    """Names that are unique and fit everywhere, known sources, known targets of splits."""
    spec = report.at("spec")
    spec.at("models").require(
        bool(yard.spec.models or yard.spec.sources), "must have at least one model, or say sources for other manifests"
    )
    if not yard.spec.models:
        spec.at("routes").require(not yard.spec.routes, "need models to lead to")
    for name, where in yard.spec.sources.items():
        _check_source(where, spec.at("sources", name))
    for index, model in enumerate(yard.spec.models):
        _check_model(model, spec.at("models", index))
    known = [name for model in yard.spec.models for name in model.names]
    for index, route in enumerate(yard.spec.routes):
        _check_route(route, known, spec.at("routes", index))
    _check_unique(yard, spec)
    _check_gateway(yard.spec.gateway, spec.at("gateway"))


def _check_model(model: YardModel, report: Report) -> None:
    _check_source(model.source, report.at("source"))
    report.at("replicas").check(formats.in_range(model.replicas, 0, 1000))
    report.at("port").check(formats.port(model.port))
    report.at("gpus").check(formats.in_range(model.gpus, 0, 64))
    report.at("nodes").check(formats.in_range(model.nodes, 1, 64))
    report.at("nodes").require(
        model.nodes <= 1 or model.gpus != 0,
        "above 1 needs gpus of 1 or more: the nodes share the model's layers on GPUs",
    )
    check_labels(model.node_selector, report.at("nodeSelector"))
    if model.engine == RAY_SERVE:
        _check_ray_serve(model, report)
    if model.image is not None:
        report.at("image").require(
            bool(model.image) and model.image.isascii() and model.image.isprintable() and " " not in model.image,
            "must be a container image, for example vllm/vllm-openai:latest",
        )
    _check_arguments(model.args, report.at("args"))
    report.at("adapters").require(len(model.adapters) <= MAX_ADAPTERS, f"must have at most {MAX_ADAPTERS} adapters")
    for index, adapter in enumerate(model.adapters):
        _check_source(adapter.source, report.at("adapters", index, "source"))


def _check_ray_serve(model: YardModel, report: Report) -> None:
    """What KubeRay and Ray Serve LLM narrow."""
    report.at("port").require(model.port == SERVE_PORT, f"must be {SERVE_PORT}: that is where Ray Serve listens")
    report.at("replicas").require(model.replicas > 0, "must be 1 or more: a Ray Serve application has replicas")
    report.at("name").require(
        len(object_name(model.name)) <= MAX_NAME,
        f"becomes {object_name(model.name)!r}, and a RayService has at most {MAX_NAME} characters",
    )


def _check_source(source: str, report: Report) -> None:
    try:
        parse_source(source)
    except ValueError as error:
        report.fault(str(error))


def _check_arguments(arguments: tuple[str, ...], report: Report) -> None:
    for index, argument in enumerate(arguments):
        place = report.at(index)
        place.require("\0" not in argument, "must not hold NUL")
        flag = argument.partition("=")[0].replace("_", "-")
        if flag in SET_HERE:
            place.fault(f"{flag} is set by the field {SET_HERE[flag]!r}; remove it here")
    if arguments and not arguments[0].startswith("-"):
        report.at(0).fault(f"{shown(arguments[0])} is no option; the first argument begins with '--'")


def _check_route(route: YardRoute, known: list[str], report: Report) -> None:
    split = report.at("split")
    split.require(len(route.split) <= MAX_TARGETS, f"must have at most {MAX_TARGETS} entries")
    split.require(any(weight > 0 for weight in route.split.values()), "must have an entry with a weight above 0")
    for name, weight in route.split.items():
        split.at(name).check(formats.in_range(weight, 0, _MAX_WEIGHT))
        if name not in known:
            split.at(name).fault("is no model or adapter of this Yard", allowed=known, suggestion=nearest(name, known))


def _named(yard: Yard, report: Report) -> Iterator[tuple[str, Report]]:
    """Every name that clients can ask for, and its place."""
    for index, model in enumerate(yard.spec.models):
        place = report.at("models", index)
        yield model.name, place.at("name")
        for number, adapter in enumerate(model.adapters):
            yield adapter.name, place.at("adapters", number, "name")
    for index, route in enumerate(yard.spec.routes):
        yield route.name, report.at("routes", index, "name")


def _check_unique(yard: Yard, report: Report) -> None:
    taken: dict[str, str] = {}
    for name, place in _named(yard, report):
        if len(name) > 256 or not _MODEL_NAME.fullmatch(name):
            place.fault(f"{shown(name)} is no model name: letters, digits and ._:/-, at most 256")
            continue
        kubernetes = object_name(name)
        place.require(
            len(kubernetes) <= MAX_OBJECT_NAME, f"becomes {kubernetes!r}, which is longer than {MAX_OBJECT_NAME}"
        )
        if kubernetes in taken:
            first = taken[kubernetes]
            why = "is there twice" if first == name else f"and {first!r} both become {kubernetes!r} on Kubernetes"
            place.fault(f"{shown(name)} {why}; rename one")
        else:
            taken[kubernetes] = name
    for index, model in enumerate(yard.spec.models):
        if model.leader_service in taken:
            owner = taken[model.leader_service]
            why = f"spans nodes, so its Service is {model.leader_service!r} on Kubernetes, like {owner!r}; rename one"
            report.at("models", index, "name").fault(f"{shown(model.name)} {why}")


def _check_gateway(gateway: YardGateway, report: Report) -> None:
    report.at("port").check(formats.port(gateway.port))
    report.at("className").check(formats.dns_subdomain(gateway.class_name))
    if gateway.hostname is not None:
        report.at("hostname").check(formats.hostname(gateway.hostname))
