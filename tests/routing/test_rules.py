from __future__ import annotations

from modelyard.routing.backends import BackendRef, CompiledBackend, WeightedBackends
from modelyard.routing.rules import CompiledRule


def test_a_rule_names_its_route_and_picks_its_backend() -> None:
    backend = CompiledBackend(BackendRef(kind="Service", namespace="infra", name="web", port=80))
    rule = CompiledRule("infra", "route", backends=WeightedBackends([backend]))
    assert rule.route == "infra/route"
    assert rule.pick_backend(0.5) is backend
    assert CompiledRule("infra", "route").pick_backend(0.5) is None
