from __future__ import annotations

import pytest

BACKEND = "spec.rules[0].backendRefs[0]"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"spec.parentRefs[0].name": ""}, "spec.parentRefs[0].name"),
        ({"spec.parentRefs[0].namespace": "A"}, "spec.parentRefs[0].namespace"),
        ({"spec.parentRefs[0].port": 0}, "spec.parentRefs[0].port"),
        ({"spec.parentRefs[0].sectionName": "A"}, "spec.parentRefs[0].sectionName"),
        ({"spec.parentRefs[0].group": "A"}, "spec.parentRefs[0].group"),
        ({f"{BACKEND}.kind": "1"}, f"{BACKEND}.kind"),
        ({f"{BACKEND}.port": 70000}, f"{BACKEND}.port"),
    ],
)
def test_invalid_references(errors_with, changes, path):
    (error,) = errors_with("HTTPRoute", changes)
    assert error.path == path
