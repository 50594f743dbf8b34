"""Which model name a pool's engines are asked for, and with what priority: InferenceModel, InferenceModelRewrite and
InferenceObjective compiled per pool.

A rewrite rule beats an InferenceModel of the same name. Among rewrites an exact match beats a generic one, then the
oldest object wins, then the first rule in its list (Gateway API Inference Extension, InferenceModelRewrite).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TypeVar

from modelyard.resources.inference import (
    InferenceModel,
    InferenceModelRewrite,
    InferenceObjective,
)
from modelyard.resources.precedence import age_key
from modelyard.resources.resource_set import ResourceSet

_Item = TypeVar("_Item", InferenceModel, InferenceModelRewrite, InferenceObjective)

CRITICALITY_PRIORITY = {"Critical": 1, "Standard": 0, "Sheddable": -1}
"""InferenceModel's three words as InferenceObjective's numbers: negative is sheddable, 0 is the default."""


@dataclass(slots=True, frozen=True)
class TargetSplit:
    """Weighted target names. ``choose`` maps a number in [0, 1) to one of them."""

    names: tuple[str, ...]
    bounds: tuple[float, ...]

    def choose(self, value: float) -> str:
        if len(self.names) == 1:
            return self.names[0]
        return self.names[bisect_right(self.bounds, value * self.bounds[-1])]

    @staticmethod
    def of(targets: Sequence[tuple[str, int | None]]) -> TargetSplit:
        """From (name, weight) pairs. No weights: equal shares; weighted and unweighted mixed: the weighted alone."""
        weighted = [(name, weight) for name, weight in targets if weight is not None]
        pairs = weighted or [(name, 1) for name, _ in targets]
        return TargetSplit(
            tuple(name for name, _ in pairs),
            tuple(float(total) for total in accumulate(weight for _, weight in pairs)),
        )


@dataclass(slots=True, frozen=True)
class ModelTargets:
    """How one pool maps the names that clients use."""

    rewrites: Mapping[str, TargetSplit] = field(default_factory=dict)
    """Exact client name -> targets, from InferenceModelRewrite."""
    generic_rewrite: TargetSplit | None = None
    """For every other name, where a rewrite rule without matches exists."""
    models: Mapping[str, TargetSplit] = field(default_factory=dict)
    """Client name -> targets, from InferenceModel (the name itself where it lists no targets)."""
    model_priority: Mapping[str, int] = field(default_factory=dict)
    objectives: Mapping[str, int] = field(default_factory=dict)
    """InferenceObjective name -> priority."""

    @property
    def names(self) -> tuple[str, ...]:
        """Client names that the pool's objects define."""
        return (*self.models, *(name for name in self.rewrites if name not in self.models))

    @property
    def maps_names(self) -> bool:
        """Whether an engine may be asked for another name than the client's, so that its answers need renaming."""
        splits = {**self.models, **self.rewrites}
        return self.generic_rewrite is not None or any(split.names != (name,) for name, split in splits.items())

    def target(self, model: str, value: float) -> str:
        """The engine's name for ``model``; ``value`` is random in [0, 1)."""
        split = self.rewrites.get(model) or self.models.get(model) or self.generic_rewrite
        return split.choose(value) if split else model

    def draws(self, model: str) -> bool:
        """Whether ``target`` depends on its random ``value``."""
        split = self.rewrites.get(model) or self.models.get(model) or self.generic_rewrite
        return split is not None and len(split.names) > 1

    def defines(self, model: str) -> bool:
        """Whether an object of the pool speaks for this client name."""
        return model in self.models or model in self.rewrites or self.generic_rewrite is not None

    def priority(self, model: str, objective: str | None) -> int:
        """The objective's priority where the request names a known one, else the model's criticality, else 0."""
        if objective is not None and objective in self.objectives:
            return self.objectives[objective]
        return self.model_priority.get(model, 0)


def model_targets_of_pools(resources: ResourceSet) -> Mapping[tuple[str, str], ModelTargets]:
    """One :class:`ModelTargets` per InferencePool that any object refers to, by (namespace, pool name)."""
    pools = {
        *map(_pool_of, _models(resources)),
        *map(_pool_of, _rewrites(resources)),
        *map(_pool_of, _objectives(resources)),
    }
    return {pool: _model_targets(pool, resources) for pool in sorted(pools)}


def _model_targets(pool: tuple[str, str], resources: ResourceSet) -> ModelTargets:
    models: dict[str, TargetSplit] = {}
    priorities: dict[str, int] = {}
    for item in _oldest_first(m for m in _models(resources) if _pool_of(m) == pool):
        name = item.spec.model_name
        if name in models:
            continue
        targets = [(t.name, t.weight) for t in item.spec.target_models or ()] or [(name, None)]
        models[name] = TargetSplit.of(targets)
        if item.spec.criticality is not None:
            priorities[name] = CRITICALITY_PRIORITY[item.spec.criticality]
    exact, generic = _compile_rewrites(r for r in _rewrites(resources) if _pool_of(r) == pool)
    objectives = {o.metadata.name: o.spec.priority or 0 for o in _objectives(resources) if _pool_of(o) == pool}
    return ModelTargets(exact, generic, models, priorities, objectives)


def _compile_rewrites(
    rewrites: Iterable[InferenceModelRewrite],
) -> tuple[dict[str, TargetSplit], TargetSplit | None]:
    exact: dict[str, TargetSplit] = {}
    generic: TargetSplit | None = None
    for rewrite in _oldest_first(rewrites):
        for rule in rewrite.spec.rules:
            if not rule.targets:
                continue
            split = TargetSplit.of([(t.model_rewrite, t.weight) for t in rule.targets])
            if not rule.matches:
                generic = generic or split
            for match in rule.matches or ():
                exact.setdefault(match.model.value, split)
    return exact, generic


def _oldest_first(items: Iterable[_Item]) -> list[_Item]:
    return sorted(items, key=age_key)


def _pool_of(item: InferenceModel | InferenceModelRewrite | InferenceObjective) -> tuple[str, str]:
    return (item.metadata.namespace, item.spec.pool_ref.name)


def _models(resources: ResourceSet) -> Iterable[InferenceModel]:
    return resources.inference_models.values()


def _rewrites(resources: ResourceSet) -> Iterable[InferenceModelRewrite]:
    return resources.inference_model_rewrites.values()


def _objectives(resources: ResourceSet) -> Iterable[InferenceObjective]:
    return resources.inference_objectives.values()
