"""The answer of a pick: an endpoint now, its fallbacks only for those who look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from modelyard.fleet.endpoints import Endpoint


class Targets(Sequence[Endpoint]):
    """Most requests succeed at the first endpoint, so the others are picked when they are first looked at, from what
    is known by then."""

    __slots__ = ("_endpoints", "_fallbacks", "_primary")

    def __init__(self, primary: Endpoint, fallbacks: Callable[[], list[Endpoint]]) -> None:
        self._primary = primary
        self._fallbacks = fallbacks
        self._endpoints: list[Endpoint] | None = None

    @overload
    def __getitem__(self, index: int) -> Endpoint: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Endpoint]: ...
    def __getitem__(self, index: int | slice) -> Endpoint | Sequence[Endpoint]:
        if index == 0:
            return self._primary
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return f"Targets({self._all()!r})"

    def _all(self) -> list[Endpoint]:
        if self._endpoints is None:
            self._endpoints = [self._primary, *self._fallbacks()]
        return self._endpoints
