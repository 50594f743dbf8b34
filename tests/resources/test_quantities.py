from __future__ import annotations

from decimal import Decimal

import pytest

from modelyard.resources.quantities import parse_quantity


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0", 0), (2, 2), (0.5, "0.5"), ("500m", "0.5"), ("1.5Gi", 1610612736), ("2k", 2000), ("1G", 10**9),
        ("1e3", 1000), ("1E3", 1000), ("1E", 10**18), ("100n", "0.0000001"), ("-1", -1), (".5", "0.5"), ("1Ei", 2**60),
    ],
)  # fmt: skip
def test_values(written, value):
    assert parse_quantity(written) == Decimal(value)


@pytest.mark.parametrize("written", ["", "x", "1 Gi", "1gi", "1K", "Gi", "1e", "--1", "inf", True, "1e9999"])
def test_what_is_no_quantity(written):
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(written)
