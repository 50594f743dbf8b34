"""HTTPPathModifier: how redirects and rewrites change a path."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, frozen=True, eq=False)
class PathChange:
    """Replaces a whole path, or the prefix that the rule's match named."""

    value: str
    prefix_only: bool = False
    """True: ReplacePrefixMatch; False: ReplaceFullPath."""

    def apply(self, path: str, matched_prefix: str | None) -> str:
        """The changed path, never empty. Elements are replaced whole; trailing slashes are ignored."""
        if not self.prefix_only:
            return self.value or "/"
        rest = path[len(matched_prefix.rstrip("/")) :] if matched_prefix is not None else path
        return (self.value.rstrip("/") + rest) or "/"
