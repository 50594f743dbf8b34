"""``header-based-testing-filter``: the endpoints that a request's header names, for conformance tests."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from modelyard.picking.candidate import Candidate
from modelyard.picking.contract import PickRequest
from modelyard.picking.policy import Filter, NoParameters

HEADER = "test-epp-endpoint-selection"
"""``IP`` or ``IP:PORT``, several with commas."""


class HeaderBasedTestingFilter(Filter[NoParameters]):
    """Keeps endpoints whose address, with or without port, stands in the header ``test-epp-endpoint-selection``; none
    without it. For tests only: with it clients choose endpoints."""

    type = "header-based-testing-filter"

    def keep(self, candidates: Sequence[Candidate], request: PickRequest) -> Sequence[Candidate]:
        named = {part.strip() for part in _value(request).split(",")}
        hosts = {part.strip("[]") for part in named}
        return [
            candidate
            for candidate in candidates
            if candidate.endpoint.address in named or _host(candidate.endpoint.address) in hosts
        ]

    def key(self, request: PickRequest) -> Hashable:
        return _value(request)


def _value(request: PickRequest) -> str:
    return request.headers.get(HEADER, "") if request.headers else ""


def _host(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")
