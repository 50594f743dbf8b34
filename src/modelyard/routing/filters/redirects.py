"""RequestRedirect: an answer that sends the client elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.routing.filters.path_changes import PathChange

_WELL_KNOWN_PORT = {"http": 80, "https": 443}


@dataclass(slots=True, frozen=True, eq=False)
class Redirect:
    """Answers with ``status`` and a Location header (Gateway API HTTPRequestRedirectFilter)."""

    status: int = 302
    scheme: str = ""
    """``http`` or ``https``; empty: the request's."""
    hostname: str = ""
    """Empty: the request's host."""
    port: int = 0
    """0: the scheme's well-known port where ``scheme`` is given, else the listener's."""
    path_change: PathChange | None = None

    def location(
        self, *, scheme: str, host: str, listener_port: int, path: str, query: str, matched_prefix: str | None
    ) -> str:
        """The Location value. ``host`` is the request's host without port; ``scheme`` the listener's."""
        target_scheme = self.scheme or scheme
        port = self.port or (_WELL_KNOWN_PORT.get(self.scheme, 0) if self.scheme else 0) or listener_port
        shown = "" if port == _WELL_KNOWN_PORT.get(target_scheme) else f":{port}"
        if self.path_change is not None:
            path = self.path_change.apply(path, matched_prefix)
        suffix = f"?{query}" if query else ""
        return f"{target_scheme}://{self.hostname or host}{shown}{path}{suffix}"
