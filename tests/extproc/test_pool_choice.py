"""Which pool a stream is about."""

from __future__ import annotations

import pytest

from modelyard.extproc.pool_choice import POOL_KEY, PoolChoice, asked_for
from modelyard.fleet.fleet import BackendKey
from modelyard.picking.config import scheduler_config
from modelyard.routing.model_targets import ModelTargets
from modelyard.snapshot import PoolPlan


def plan(namespace: str, name: str, picker: str = "") -> PoolPlan:
    key = BackendKey(kind="InferencePool", namespace=namespace, name=name)
    return PoolPlan(key, ModelTargets(), scheduler_config(None), picker)


A, B, TWIN = plan("default", "a", "a-epp"), plan("ml", "b", "b-epp"), plan("ml", "a")


def test_the_only_pool_needs_no_name() -> None:
    choice = PoolChoice([A])
    assert choice.choose({}, {}) is A
    assert choice.choose({":authority": "anything:9002"}, {"envoy.lb": {"x": "y"}}) is A


def test_the_only_pool_is_not_another() -> None:
    choice = PoolChoice([A])
    assert choice.choose({POOL_KEY: "ml/b"}, {}) is None
    assert choice.choose({}, {"envoy.lb": {POOL_KEY: "ml/b"}}) is None


def test_what_is_served_alone() -> None:
    assert PoolChoice([A, B], "ml/b").choose({}, {}) is B
    assert PoolChoice([A, B], "ml/gone").choose({}, {}) is None


@pytest.mark.parametrize(
    ("stream", "metadata", "chosen"),
    [
        ({POOL_KEY: "default/a"}, {}, A),
        ({POOL_KEY: "ml/a"}, {}, TWIN),
        ({POOL_KEY: "a"}, {}, None),  # two namespaces have it
        ({POOL_KEY: "b"}, {}, B),
        ({POOL_KEY: "b", ":authority": "a-epp.default"}, {}, B),
        ({}, {"envoy.lb": {POOL_KEY: "ml/b"}}, B),
        ({}, {"modelyard": {POOL_KEY: "ml/b"}}, B),
        ({}, {"other": {POOL_KEY: "ml/b"}}, None),
        ({}, {"envoy.lb": {POOL_KEY: 5}}, None),
        ({":authority": "b-epp.ml.svc:9002"}, {}, B),
        ({":authority": "a.ml"}, {}, TWIN),
        ({":authority": "b-epp:9002"}, {}, B),
        ({":authority": "b-epp.other.svc:9002"}, {}, None),  # another namespace's
        ({":authority": "outbound|9002||b-epp.ml.svc.cluster.local"}, {}, B),
        ({":authority": ""}, {}, None),
        ({}, {}, None),
    ],
)
def test_one_of_several(
    stream: dict[str, str], metadata: dict[str, dict[str, object]], chosen: PoolPlan | None
) -> None:
    assert PoolChoice([A, B, TWIN]).choose(stream, metadata) is chosen  # type: ignore[arg-type]


def test_a_picker_of_several_pools_says_nothing_by_its_name() -> None:
    """Rather no endpoint than one of another pool."""
    one, other, elsewhere = plan("ml", "one", "epp"), plan("ml", "other", "epp"), plan("default", "third", "epp")
    choice = PoolChoice([one, other, elsewhere])
    assert choice.choose({":authority": "epp.ml.svc:9002"}, {}) is None
    assert choice.choose({":authority": "epp:9002"}, {}) is None
    assert choice.choose({":authority": "epp.default:9002"}, {}) is elsewhere
    assert choice.choose({":authority": "other.ml"}, {}) is other
    assert choice.choose({":authority": "epp.ml", POOL_KEY: "ml/one"}, {}) is one


def test_a_pickers_name_comes_before_a_pools() -> None:
    picked, namesake = plan("ml", "a", "b"), plan("ml", "b", "c")
    choice = PoolChoice([namesake, picked])
    assert choice.choose({":authority": "b.ml:9002"}, {}) is picked
    assert choice.choose({":authority": "c.ml:9002"}, {}) is namesake


def test_a_service_is_named_by_its_whole_key() -> None:
    key = BackendKey(kind="Service", namespace="default", name="web", port=80)
    service = PoolPlan(key, ModelTargets(), scheduler_config(None), fails_open=True)
    pool = PoolPlan(
        BackendKey(kind="InferencePool", namespace="default", name="web"), ModelTargets(), scheduler_config(None)
    )
    choice = PoolChoice([pool, service])
    assert choice.choose({POOL_KEY: "Service/default/web:80"}, {}) is service
    assert choice.choose({POOL_KEY: "default/web"}, {}) is pool
    assert choice.choose({POOL_KEY: "web"}, {}) is pool
    assert choice.choose({":authority": "web.default"}, {}) is pool


def test_what_was_asked_for_in_words() -> None:
    assert PoolChoice([B, A]).names == ("default/a", "ml/b")
    assert asked_for({POOL_KEY: "ml/b", ":authority": "x"}, {}) == "asked for ml/b"
    assert asked_for({}, {"envoy.lb": {POOL_KEY: "ml/b"}}) == "asked for ml/b"
    assert asked_for({":authority": "x.y:9002"}, {}) == "asked under authority x.y, which names no pool"
    assert asked_for({}, {}) == "asked under authority none, which names no pool"
