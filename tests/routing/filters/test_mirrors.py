from __future__ import annotations

import pytest

from modelyard.routing.backends import BackendRef
from modelyard.routing.filters.mirrors import Mirror


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (0.2, 20), (0.5, 50), (1.0, 100)])
def test_share(share: float, expected: int) -> None:
    mirror = Mirror(BackendRef(kind="Service", namespace="infra", name="copy", port=80), share)
    assert sum(mirror.wants(value / 100) for value in range(100)) == expected
