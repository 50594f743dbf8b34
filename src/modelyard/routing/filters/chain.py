"""All filters of one rule or one backend."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.routing.filters.cors import Cors
from modelyard.routing.filters.headers import HeaderEdit
from modelyard.routing.filters.mirrors import Mirror
from modelyard.routing.filters.redirects import Redirect
from modelyard.routing.filters.rewrites import Rewrite


@dataclass(slots=True, frozen=True, eq=False)
class FilterChain:
    """The filters of one rule or backend; None and empty mean absent."""

    cors: Cors | None = None
    redirect: Redirect | None = None
    request_headers: HeaderEdit | None = None
    response_headers: HeaderEdit | None = None
    rewrite: Rewrite | None = None
    mirrors: tuple[Mirror, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        return bool(
            self.cors or self.redirect or self.request_headers or self.response_headers or self.rewrite or self.mirrors
        )


NO_FILTERS = FilterChain()
