"""Dot segments out of request paths before routes are matched, so that routing and the endpoint read the same path.

RFC 3986 section 5.2.4; ``%2e`` counts as a dot (section 6.2.2.3), since most servers decode it. Everything else of the
path stays as the client wrote it.
"""

from __future__ import annotations

import re

_ENCODED_DOT = re.compile(r"%2e", re.IGNORECASE)


def without_dot_segments(path: str) -> str | None:
    """The path without ``.`` and ``..`` segments (the same object where it has none); None: it leaves the root."""
    if "/." not in path and "%2e" not in path and "%2E" not in path:
        return path
    segments = path.split("/")
    plain = [_ENCODED_DOT.sub(".", segment) for segment in segments]
    if not any(segment in (".", "..") for segment in plain):
        return path
    kept: list[str] = []
    for written, segment in zip(segments[1:], plain[1:], strict=True):
        if segment == "..":
            if not kept:
                return None
            kept.pop()
        elif segment != ".":
            kept.append(written)
    if plain[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
