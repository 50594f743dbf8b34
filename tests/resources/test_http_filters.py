from __future__ import annotations

import pytest

from modelyard.resources.http_filters import Fraction, HTTPRequestMirrorFilter
from modelyard.resources.references import BackendObjectReference


@pytest.mark.parametrize(
    ("percent", "fraction", "share"),
    [(None, None, 1.0), (25, None, 0.25), (0, None, 0.0), (None, Fraction(numerator=1, denominator=3), 1 / 3)],
)
def test_mirrored_share(percent, fraction, share):
    backend = BackendObjectReference(name="m", port=80)
    mirror = HTTPRequestMirrorFilter(backend_ref=backend, percent=percent, fraction=fraction)
    assert mirror.share == pytest.approx(share)
