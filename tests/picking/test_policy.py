"""One contract for every policy that is found: scores finite in 0 to 1, deterministic, pure; filters only drop."""

from __future__ import annotations

import ast
import inspect
import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.fleet.endpoints import EngineLoad
from modelyard.picking.board import FlatBoard
from modelyard.picking.contract import PickRequest
from modelyard.picking.points import clamp, known
from modelyard.picking.policy import (
    Depends,
    FleetScorer,
    InFlightScorer,
    KeyedScorer,
    Parameters,
    PickerParameters,
    Policy,
    RequestScorer,
    SparseScorer,
)
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS

REQUIRED: dict[str, dict[str, Any]] = {
    "decision-tree-filter": {"current": {"type": "low-queue-filter"}},
    "header-label-affinity-scorer": {"header_name": "X-Zone", "label_key": "zone"},
    "utilization-filter": {"conditions": ()},
}
KINDS = {
    Depends.FLEET: FleetScorer,
    Depends.KEYED: KeyedScorer,
    Depends.SPARSE: SparseScorer,
    Depends.IN_FLIGHT: InFlightScorer,
    Depends.REQUEST: RequestScorer,
}
ALL: dict[str, type[Policy[Any]]] = {
    f"{kind}/{name}": policy
    for kind, table in (("filter", FILTERS), ("scorer", SCORERS), ("picker", PICKERS))
    for name, policy in table.items()
}

LOADS = st.one_of(
    st.none(),
    st.builds(
        EngineLoad,
        at=st.just(0.0),
        waiting=st.integers(0, 10**6),
        running=st.integers(0, 10**6),
        kv_usage=st.one_of(st.floats(0, 1), st.floats(allow_nan=True, allow_infinity=True)),
        max_loras=st.integers(0, 4),
        running_loras=st.frozensets(st.sampled_from("abc")),
        waiting_loras=st.frozensets(st.sampled_from("abc")),
    ),
)
LABELS = st.dictionaries(
    st.sampled_from(["zone", "llm-d.ai/role", "llm-d.ai/context-length-range"]),
    st.sampled_from(["a", "b", "decode", "prefill", "both", "0-100", "50-9000", ""]),
)
HEADERS = st.fixed_dictionaries({"x-zone": st.sampled_from("ab"), "x-session-token": st.text()})
REQUESTS = st.builds(
    PickRequest,
    target_model=st.sampled_from(["", "m", "a", "b"]),
    base_model=st.sampled_from(["", "m"]),
    prompt=st.sampled_from([b"", b"x" * 300, b"x" * 3000]),
    prompt_tokens=st.integers(0, 10_000),
    headers=st.one_of(st.none(), HEADERS),
)


def new_policy(build: Any, kind: type[Policy[Any]]) -> Any:
    return kind(kind.Parameters(**REQUIRED.get(kind.type, {})), build.memory())


def frozen(candidates: list[Any], asked: PickRequest) -> Any:
    """Everything that a policy could have changed."""
    return [
        (c.slot, c.endpoint, dict(c.labels), c.load, c.in_flight, c.unseen, c.tokens, c.ready) for c in candidates
    ] + [repr(asked)]


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("scorer/")])
@settings(max_examples=25, deadline=None)
@given(
    endpoints=st.lists(st.tuples(LOADS, LABELS, st.integers(0, 5)), min_size=1, max_size=6),
    asked=REQUESTS,
)
def test_scores_are_finite_in_range_deterministic_and_pure(
    build: Any, name: str, endpoints: list[tuple[EngineLoad | None, dict[str, str], int]], asked: PickRequest
) -> None:
    scorer = new_policy(build, ALL[name])
    candidates = [build.candidate(i, load, labels, count) for i, (load, labels, count) in enumerate(endpoints)]
    scorer.new_fleet(candidates)
    before = frozen(candidates, asked)
    scores = scorer.score(candidates, asked)
    assert len(scores) == len(candidates)
    assert all(math.isfinite(clamp(score)) and 0.0 <= clamp(score) <= 1.0 for score in known(scores))
    if all(load is None or 0.0 <= load.kv_usage <= 1.0 for load, _, _ in endpoints):
        assert all(0.0 <= score <= 1.0 for score in scores if score is not None)
    assert repr(scorer.score(candidates, asked)) == repr(scores)
    assert repr(frozen(candidates, asked)) == repr(before)


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("filter/")])
@settings(max_examples=25, deadline=None)
@given(
    endpoints=st.lists(st.tuples(LOADS, LABELS, st.integers(0, 5)), min_size=1, max_size=6),
    asked=REQUESTS,
)
def test_filters_keep_some_of_their_candidates_in_order(
    build: Any, name: str, endpoints: list[tuple[EngineLoad | None, dict[str, str], int]], asked: PickRequest
) -> None:
    policy = new_policy(build, ALL[name])
    candidates = [build.candidate(i, load, labels, count) for i, (load, labels, count) in enumerate(endpoints)]
    policy.new_fleet(candidates)
    before = frozen(candidates, asked)
    kept = list(policy.keep(candidates, asked))
    assert kept == [candidate for candidate in candidates if candidate in kept]
    assert list(policy.keep(candidates, asked)) == kept
    assert repr(frozen(candidates, asked)) == repr(before)
    hash(policy.key(asked))


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("picker/")])
@pytest.mark.parametrize("totals", [[5], [0, 0, 0], [3, -1, 9, 9, 0], [-1, -1]])
@pytest.mark.parametrize("count", [1, 2, 9])
def test_pickers_choose_distinct_slots_that_may_be_chosen(build: Any, name: str, totals: list[int], count: int) -> None:
    picker = new_policy(build, ALL[name])
    allowed = {slot for slot, total in enumerate(totals) if total >= 0}
    for seed in range(20):
        chosen = picker.pick(FlatBoard(totals.copy()), count, random.Random(seed))
        assert len(chosen) == len(set(chosen)) == min(count, len(allowed))
        assert set(chosen) <= allowed


@pytest.mark.parametrize("name", [name for name in ALL if name.startswith("scorer/")])
def test_a_scorer_is_of_the_kind_that_it_declares(name: str) -> None:
    scorer: Any = ALL[name]
    assert issubclass(scorer, KINDS[scorer.depends])


@pytest.mark.parametrize("name", ALL)
def test_every_parameter_is_documented_and_unknown_ones_are_refused(name: str) -> None:
    parameters = ALL[name].Parameters
    assert issubclass(parameters, Parameters)
    assert parameters.__doc__
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"noSuchParameter": 1}, parameters)


def test_every_parameter_has_a_docstring_in_the_source() -> None:
    for name, policy in ALL.items():
        for owner in (policy.Parameters, PickerParameters):
            tree = ast.parse(inspect.getsource(owner))
            body = tree.body[0].body  # type: ignore[attr-defined]
            for node, after in zip(body, [*body[1:], None], strict=True):
                if isinstance(node, ast.AnnAssign):
                    documented = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
                    assert documented, f"{name}: {ast.unparse(node.target)}"
