"""URLRewrite: another path or Host towards the backend."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.routing.filters.path_changes import PathChange


@dataclass(slots=True, frozen=True, eq=False)
class Rewrite:
    """Changes host and path of the forwarded request; the query is kept."""

    hostname: str = ""
    """New Host header; empty: the client's is kept."""
    path_change: PathChange | None = None

    def path(self, path: str, matched_prefix: str | None) -> str:
        """The path to forward, for the path as the client sent it (no query)."""
        return path if self.path_change is None else self.path_change.apply(path, matched_prefix)
