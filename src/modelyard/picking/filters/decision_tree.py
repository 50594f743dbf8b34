"""``decision-tree-filter``: filters one after the other, and others where one leaves nothing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import msgspec

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.filters.least_kv_cache import LeastKvCacheFilter
from modelyard.picking.filters.least_queue import LeastQueueFilter
from modelyard.picking.filters.lora_affinity import LoraAffinityFilter
from modelyard.picking.filters.low_queue import LowQueueFilter
from modelyard.picking.memory import Memory
from modelyard.picking.policy import Filter, Parameters

_FILTERS: Mapping[str, type[Filter[Any]]] = {
    kind.type: kind for kind in (LowQueueFilter, LeastQueueFilter, LeastKvCacheFilter, LoraAffinityFilter)
}
"""Those that there were when trees were."""
_STEPS = ("current", "nextOnSuccess", "nextOnFailure", "nextOnSuccessOrFailure")
_DEEPEST = 32


class DecisionTreeParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``decision-tree-filter``."""

    current: Mapping[str, Any]
    """The filter that is asked first. Each step is a ``pluginRef`` to one of the ``least-...``, ``low-queue`` and
    ``lora-affinity`` filters, or a ``decisionTree``."""
    next_on_success: Mapping[str, Any] = {}
    """What filters its choice further."""
    next_on_failure: Mapping[str, Any] = {}
    """What filters all endpoints where it left none."""
    next_on_success_or_failure: Mapping[str, Any] = {}
    """In place of both."""

    def __post_init__(self) -> None:
        checked_tree(self.steps())

    def steps(self) -> Mapping[str, Any]:
        """As a step has them."""
        values = (self.current, self.next_on_success, self.next_on_failure, self.next_on_success_or_failure)
        return {name: value for name, value in zip(_STEPS, values, strict=True) if value}


class Leaf(msgspec.Struct, frozen=True):
    """One filter."""

    kind: type[Filter[Any]]
    parameters: Parameters


class Tree(msgspec.Struct, frozen=True):
    """A filter and what follows it."""

    current: Tree | Leaf
    on_success: Tree | Leaf | None
    on_failure: Tree | Leaf | None


def checked_tree(steps: Any, depth: int = 0) -> Tree:
    """Raises ValueError."""
    if depth > _DEEPEST:
        raise ValueError(f"a decision tree is deeper than {_DEEPEST} steps")
    if not isinstance(steps, Mapping) or "current" not in steps or set(steps) - set(_STEPS):
        raise ValueError(f"a decision tree has current, and may have {', '.join(_STEPS[1:])}; nothing else")
    nodes = {name: _node(value, depth) for name, value in steps.items()}
    either = nodes.get("nextOnSuccessOrFailure")
    return Tree(nodes["current"], nodes.get("nextOnSuccess", either), nodes.get("nextOnFailure", either))


def _node(value: Any, depth: int) -> Tree | Leaf:
    if isinstance(value, Mapping) and set(value) == {"decisionTree"}:
        return checked_tree(value["decisionTree"], depth + 1)
    if isinstance(value, Mapping) and value.get("type") in _FILTERS:
        kind = _FILTERS[value["type"]]
        try:
            return Leaf(kind, msgspec.convert(dict(value.get("parameters", {})), kind.Parameters))
        except msgspec.ValidationError as error:
            raise ValueError(f"{kind.type}: {error}") from None
    named = value.get("pluginRef", value.get("type")) if isinstance(value, Mapping) else value
    raise ValueError(
        f"a step is one of decisionTree and pluginRef, and {named!r} is no plugin of the config that a tree may name:"
        f" {', '.join(_FILTERS)}"
    )


class DecisionTreeFilter(Filter[DecisionTreeParameters]):
    """Keeps what the filters of a tree keep, as charts before v1 had it."""

    type = "decision-tree-filter"
    Parameters = DecisionTreeParameters

    def __init__(self, parameters: DecisionTreeParameters, memory: Memory) -> None:
        super().__init__(parameters, memory)
        self._tree = _grown(checked_tree(parameters.steps()), memory)

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        return self._tree.keep(candidates, request)

    def key(self, request: PickRequest) -> Hashable:
        return request.target_model


class _Grown(msgspec.Struct, frozen=True):
    current: Filter[Any] | _Grown
    on_success: Filter[Any] | _Grown | None
    on_failure: Filter[Any] | _Grown | None

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        kept = self.current.keep(candidates, request)
        if kept:
            return self.on_success.keep(kept, request) if self.on_success is not None else kept
        return self.on_failure.keep(candidates, request) if self.on_failure is not None else kept


def _grown(tree: Tree, memory: Memory) -> _Grown:
    def node(value: Tree | Leaf) -> Filter[Any] | _Grown:
        return value.kind(value.parameters, memory) if isinstance(value, Leaf) else _grown(value, memory)

    return _Grown(
        node(tree.current),
        node(tree.on_success) if tree.on_success is not None else None,
        node(tree.on_failure) if tree.on_failure is not None else None,
    )
