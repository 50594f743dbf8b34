"""Host patterns of listeners and routes: ``example.com``, ``*.example.com`` and ``""`` for every host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MAX_LENGTH = 253
"""Longest name in the DNS; a longer Host fits no pattern but the empty one, and costs no work."""


def normalize(host: str) -> str:
    """A Host header's value as patterns are compared: no port, no trailing dot, lower case."""
    if host.startswith("["):
        return host[: host.find("]") + 1].lower() or host.lower()
    return host.partition(":")[0].removesuffix(".").lower()


def matches(pattern: str, host: str) -> bool:
    """Whether a normalised ``host`` fits. ``*`` stands for one label or more, never for none."""
    if not pattern:
        return True
    if pattern.startswith("*."):
        return len(host) > len(pattern) - 1 and host.endswith(pattern[1:])
    return host == pattern


def intersects(one: str, other: str) -> bool:
    """Whether some host fits both patterns."""
    if not one or not other:
        return True
    if one.startswith("*.") and other.startswith("*."):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if one.startswith("*."):
        return matches(one, other)
    return matches(other, one)


def any_intersects(listener: str, hostnames: Sequence[str]) -> bool:
    """Whether a route with these ``hostnames`` (none: every host) can be reached through a listener."""
    return not hostnames or any(intersects(listener, hostname) for hostname in hostnames)


def candidates(host: str) -> Iterator[str]:
    """The patterns that a normalised host may fit, most specific first: itself, its wildcards, ``""``."""
    if len(host) <= MAX_LENGTH:
        yield host
        at = host.find(".")
        while at >= 0:
            yield f"*{host[at:]}"
            at = host.find(".", at + 1)
    yield ""


def specificity(pattern: str) -> tuple[int, int]:
    """Orders patterns that fit one host, larger first: characters without wildcard, then characters."""
    return (0 if pattern.startswith("*") else len(pattern), len(pattern))
