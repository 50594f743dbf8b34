"""Rules of the inference kinds (Gateway API Inference Extension's CRDs)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from modelyard.resources.faults import Report
from modelyard.resources.inference import (
    EndpointPickerRef,
    InferenceModel,
    InferenceModelRewrite,
    InferenceObjective,
    InferencePool,
    PoolReference,
)
from modelyard.resources.inference_v1alpha2 import OldInferencePool
from modelyard.resources.validation import formats
from modelyard.resources.validation.metadata import check_labels

_MAX_WEIGHT = 1_000_000
_INT32 = 2**31


def check_inference_pool(pool: InferencePool, report: Report) -> None:
    spec = report.at("spec")
    _check_pool_selector(pool.spec.selector.match_labels, spec.at("selector", "matchLabels"))
    ports = [port.number for port in pool.spec.target_ports]
    spec.at("targetPorts").require(1 <= len(ports) <= 8, "must have 1 to 8 ports")
    spec.at("targetPorts").require(len(set(ports)) == len(ports), "each port number must occur once")
    for index, number in enumerate(ports):
        spec.at("targetPorts", index, "number").check(formats.port(number))
    if pool.spec.endpoint_picker_ref is not None:
        _check_picker(pool.spec.endpoint_picker_ref, spec.at("endpointPickerRef"))


def check_old_inference_pool(pool: OldInferencePool, report: Report) -> None:
    spec = report.at("spec")
    _check_pool_selector(pool.spec.selector, spec.at("selector"))
    spec.at("targetPortNumber").check(formats.port(pool.spec.target_port_number))
    extension = pool.spec.extension_ref
    if extension is not None and extension.port_number is not None:
        spec.at("extensionRef", "portNumber").check(formats.port(extension.port_number))


def check_inference_model(model: InferenceModel, report: Report) -> None:
    spec = report.at("spec")
    _check_model_name(model.spec.model_name, spec.at("modelName"))
    targets = model.spec.target_models
    spec.at("targetModels").require(len(targets) <= 10, "must have at most 10 models")
    for index, target in enumerate(targets):
        _check_model_name(target.name, spec.at("targetModels", index, "name"))
    _check_weights([target.weight for target in targets], spec.at("targetModels"))
    _check_pool_ref(model.spec.pool_ref, spec.at("poolRef"))


def check_inference_objective(objective: InferenceObjective, report: Report) -> None:
    spec = report.at("spec")
    spec.at("priority").check(formats.in_range(objective.spec.priority, -_INT32, _INT32 - 1))
    _check_pool_ref(objective.spec.pool_ref, spec.at("poolRef"))


def check_inference_model_rewrite(rewrite: InferenceModelRewrite, report: Report) -> None:
    spec = report.at("spec")
    _check_pool_ref(rewrite.spec.pool_ref, spec.at("poolRef"))
    for index, rule in enumerate(rewrite.spec.rules):
        place = spec.at("rules", index)
        for number, match in enumerate(rule.matches):
            _check_model_name(match.model.value, place.at("matches", number, "model", "value"))
        for number, target in enumerate(rule.targets):
            _check_model_name(target.model_rewrite, place.at("targets", number, "modelRewrite"))
        _check_weights([target.weight for target in rule.targets], place.at("targets"))


def _check_pool_selector(labels: Mapping[str, str], report: Report) -> None:
    report.require(1 <= len(labels) <= 64, "must have 1 to 64 labels")
    check_labels(labels, report)


def _check_picker(picker: EndpointPickerRef, report: Report) -> None:
    report.at("group").check(formats.group(picker.group))
    report.at("kind").check(formats.kind(picker.kind))
    report.at("name").check(formats.object_name(picker.name))
    if picker.port is not None:
        report.at("port", "number").check(formats.port(picker.port.number))
    elif picker.kind == "Service":
        report.at("port").fault("is required for a Service and missing")


def _check_pool_ref(reference: PoolReference, report: Report) -> None:
    report.at("group").check(formats.group(reference.group))
    report.at("kind").check(formats.kind(reference.kind))
    report.at("name").check(formats.object_name(reference.name))


def _check_model_name(name: str, report: Report) -> None:
    report.require(1 <= len(name) <= 256, "must have 1 to 256 characters")
    report.require(name.isprintable(), "must not hold control characters")


def _check_weights(weights: Sequence[int | None], report: Report) -> None:
    """All or none; from 1 to 1,000,000."""
    given = [weight for weight in weights if weight is not None]
    if given and len(given) < len(weights):
        report.fault("either all entries have a weight or none has")
    for index, weight in enumerate(weights):
        if weight is not None:
            report.at(index, "weight").check(formats.in_range(weight, 1, _MAX_WEIGHT))
