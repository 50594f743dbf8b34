from __future__ import annotations

from modelyard.routing.filters.chain import NO_FILTERS, FilterChain
from modelyard.routing.filters.headers import HeaderEdit
from modelyard.routing.filters.redirects import Redirect


def test_truth_is_whether_there_is_work() -> None:
    assert not NO_FILTERS
    assert FilterChain(redirect=Redirect())
    assert FilterChain(request_headers=HeaderEdit())
