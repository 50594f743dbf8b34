from __future__ import annotations

import pytest

from conformance.cases import CASES
from conformance.pure_gateway import check


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    check(CASES[name])
