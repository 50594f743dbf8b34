from __future__ import annotations

from collections import Counter

from modelyard.routing.backends import BackendRef, CompiledBackend, WeightedBackends


def backend(name: str, weight: int = 1, kind: str = "Service") -> CompiledBackend:
    return CompiledBackend(BackendRef(kind=kind, namespace="infra", name=name, port=80), weight)


def shares(*backends: CompiledBackend) -> dict[str | None, int]:
    chooser = WeightedBackends(backends)
    picks = (chooser.pick(value / 100) for value in range(100))
    return dict(Counter(pick and pick.ref.name for pick in picks))


def test_weights_are_shares() -> None:
    assert shares(backend("a", 70), backend("b", 30)) == {"a": 70, "b": 30}
    assert shares(backend("a"), backend("b"), backend("c", 2)) == {"a": 25, "b": 25, "c": 50}


def test_weight_zero_takes_nothing() -> None:
    assert shares(backend("a", 0), backend("b", 3)) == {"b": 100}
    assert shares(backend("a", 0)) == {None: 100}
    assert shares() == {None: 100}


def test_the_last_value_below_one_is_the_last_backend() -> None:
    pick = WeightedBackends([backend("a"), backend("b")]).pick(1 - 2**-53)
    assert pick is not None
    assert pick.ref.name == "b"


def test_reach_pool() -> None:
    assert WeightedBackends([backend("a"), backend("b", kind="InferencePool")]).reach_pool
    assert not WeightedBackends([backend("a")]).reach_pool


def test_a_reference_reads_as_kind_namespace_name_port() -> None:
    assert str(BackendRef(kind="Service", namespace="infra", name="web", port=80)) == "Service/infra/web:80"
    assert str(BackendRef(kind="InferencePool", namespace="infra", name="gemma")) == "InferencePool/infra/gemma"
