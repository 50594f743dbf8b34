"""InferenceObjectives that still say what their InferenceModels said."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet


def left_from_models(resources: ResourceSet) -> Iterator[Finding]:
    """Fields of an InferenceModel in an InferenceObjective. An API server takes them out without a word, so manifests
    in use have them; they do nothing."""
    for objective in resources.inference_objectives.values():
        spec = objective.spec
        fields = {
            "modelName": spec.model_name is not None,
            "criticality": spec.criticality is not None,
            "targetModels": bool(spec.target_models),
        }
        named = [f"spec.{name}" for name, given in fields.items() if given]
        if named:
            those = "these fields are" if len(named) > 1 else "this field is"
            yield Finding(
                object=f"InferenceObjective {objective.metadata.namespace}/{objective.metadata.name}",
                check="left-from-inference-model",
                message=f"says {', '.join(named)}, which has no effect: {those} InferenceModel's",
                advice="remove it; names are changed by an InferenceModelRewrite, and an objective has a priority",
            )
