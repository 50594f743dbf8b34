"""InferencePool, InferenceModel, InferenceObjective and InferenceModelRewrite.

Groups ``inference.networking.k8s.io``, ``inference.networking.x-k8s.io`` and ``llm-d.ai``. An InferencePool
of the old shape (``v1alpha2``) is loaded as the ``v1`` shape; ``api_version`` still says what was written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from modelyard.resources.bases import Strict, StrictResource

POOL_GROUP = "inference.networking.k8s.io"
OLD_POOL_GROUP = "inference.networking.x-k8s.io"


class PoolSelector(Strict, frozen=True, kw_only=True):
    """Labels that all must be on a Pod of the pool's namespace."""

    match_labels: Mapping[str, str]


class TargetPort(Strict, frozen=True, kw_only=True):
    """A port of each Pod; every ``podIP:port`` is an endpoint of its own."""

    number: int


class EndpointPickerPort(Strict, frozen=True, kw_only=True):
    """Port of the picker's Service."""

    number: int


class EndpointPickerRef(Strict, frozen=True, kw_only=True):
    """The picker that a cluster would ask. Here only ``failure_mode`` has a meaning."""

    group: str = ""
    kind: str = "Service"
    name: str
    port: EndpointPickerPort | None = None
    failure_mode: Literal["FailOpen", "FailClose"] = "FailClose"


class InferencePoolSpec(Strict, frozen=True, kw_only=True):
    """Which Pods serve, and on which ports."""

    selector: PoolSelector
    target_ports: tuple[TargetPort, ...]
    app_protocol: Literal["http", "kubernetes.io/h2c"] = "http"
    endpoint_picker_ref: EndpointPickerRef | None = None


class InferencePool(StrictResource, frozen=True, kw_only=True):
    """Model servers that serve the same base model."""

    spec: InferencePoolSpec


class PoolReference(Strict, frozen=True, kw_only=True):
    """A pool of the same namespace."""

    group: str = POOL_GROUP
    kind: str = "InferencePool"
    name: str


class TargetModel(Strict, frozen=True, kw_only=True):
    """A name on the model server. Share: weight over the sum; without weights all are equal."""

    name: str
    weight: int | None = None


class InferenceModelSpec(Strict, frozen=True, kw_only=True):
    """A public model name and what stands behind it."""

    model_name: str
    criticality: Literal["Critical", "Standard", "Sheddable"] | None = None
    """None counts as ``Standard``."""
    target_models: tuple[TargetModel, ...] = ()
    """Empty: the request's own name."""
    pool_ref: PoolReference


class InferenceModel(StrictResource, frozen=True, kw_only=True):
    """Maps a model name of requests to adapters or base models of a pool (``v1alpha2``)."""

    spec: InferenceModelSpec


class InferenceObjectiveSpec(Strict, frozen=True, kw_only=True):
    """Priority of requests that name the objective in a header."""

    priority: int = 0
    """Higher is served first; negative may be shed."""
    pool_ref: PoolReference
    model_name: str | None = None
    criticality: Literal["Critical", "Standard", "Sheddable"] | None = None
    target_models: tuple[TargetModel, ...] = ()
    """These three are left from the InferenceModel that the objective was: no effect, and a finding says so."""


class InferenceObjective(StrictResource, frozen=True, kw_only=True):
    """A named priority in a pool."""

    spec: InferenceObjectiveSpec


class ModelMatch(Strict, frozen=True, kw_only=True):
    """Compares the request's model name."""

    type: Literal["Exact"] = "Exact"
    value: str


class RewriteMatch(Strict, frozen=True, kw_only=True):
    """One alternative of a rewrite rule."""

    model: ModelMatch


class RewriteTarget(Strict, frozen=True, kw_only=True):
    """The name that the model server gets. Share: weight over the sum; without weights all are equal."""

    model_rewrite: str
    weight: int | None = None


class RewriteRule(Strict, frozen=True, kw_only=True):
    """Any match selects the rule; without matches it takes every model."""

    matches: tuple[RewriteMatch, ...] = ()
    targets: tuple[RewriteTarget, ...] = ()


class InferenceModelRewriteSpec(Strict, frozen=True, kw_only=True):
    """Ordered rules of one pool."""

    pool_ref: PoolReference
    rules: tuple[RewriteRule, ...]


class InferenceModelRewrite(StrictResource, frozen=True, kw_only=True):
    """Changes model names before a pool, with traffic split."""

    spec: InferenceModelRewriteSpec
