from __future__ import annotations

from modelyard.routing.conditions import Fault, accepted_unless, fails, holds, joined, rendered


def test_rendered_is_what_kubernetes_shows() -> None:
    conditions = [holds("Accepted", "Accepted"), fails("ResolvedRefs", Fault("InvalidKind", "what"))]
    assert rendered(conditions, generation=3, now="2026-01-01T00:00:00Z") == [
        {
            "type": "Accepted",
            "status": "True",
            "reason": "Accepted",
            "message": "",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
        {
            "type": "ResolvedRefs",
            "status": "False",
            "reason": "InvalidKind",
            "message": "what",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        },
    ]


def test_several_faults_are_one_with_all_messages() -> None:
    faults = [Fault("BackendNotFound", "a"), Fault("InvalidKind", "b"), Fault("BackendNotFound", "a")]
    assert joined(faults) == Fault("BackendNotFound", "a; b")
    assert joined([]) is None
    assert accepted_unless(None).status == "True"
