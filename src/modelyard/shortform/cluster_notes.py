"""What is left to do before the rendered objects work on a cluster, for people."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.yard import RAY_SERVE, Yard, YardGateway, YardModel
from modelyard.shortform import ray_adapters
from modelyard.shortform.routing import picker_name
from modelyard.shortform.volumes import DEMO_CLAIM, folders_to_fill, uses_hub, weights_claim


def cluster_notes(yard: Yard) -> Iterator[str]:
    """One sentence each."""
    spec = yard.spec
    if spec.gateway.class_name == YardGateway().class_name:
        yield "gatewayClassName is 'modelyard': set spec.gateway.className to a class of your cluster."
    pickers = ", ".join(picker_name(model) for model in spec.models)
    yield f"Each InferencePool needs its endpoint picker (modelyard epp, or the extension's Helm chart): {pickers}."
    yield "Routes match X-Gateway-Model-Name, which body-based routing sets (modelyard bbr, or the extension's chart)."
    if any(model.engine == RAY_SERVE for model in spec.models):
        yield "A RayService needs the KubeRay operator."
    if any(model.leader_service for model in spec.models):
        yield "A LeaderWorkerSet needs its controller: https://lws.sigs.k8s.io"
    for model in spec.models:
        yield from _fillings(model)
        if model.engine == RAY_SERVE and model.adapters:
            yield from ray_adapters.notes(model)
    if any(uses_hub(model) for model in spec.models):
        yield "Gated models of the hub need their token: Secret 'hf-token', key 'token'."
    served = [item for model in spec.models for item in model.served]
    if any(item.criticality for item in (*served, *spec.routes)):
        yield "Criticality is an InferenceObjective here: clients name it in the header x-gateway-inference-objective."


def _fillings(model: YardModel) -> Iterator[str]:
    for path, source in folders_to_fill(model):
        claim = DEMO_CLAIM if source.startswith("demo://") else weights_claim(model)
        yield f"Claim {claim!r} must hold {source} so that it is at {path} in the container."
