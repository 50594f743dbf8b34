"""The endpoints that a proxy allows for one request (Endpoint Picker Protocol 1.0, "subset"): ``ip:port``, compared
whole."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address


def subset_of(hint: object) -> frozenset[str]:
    """The addresses of a hint, which is a list of texts or one text, each with commas or without. What is no address
    in it allows nothing; so does a hint of another type."""
    entries: Iterable[object] = ()
    if isinstance(hint, str):
        entries = (hint,)
    elif isinstance(hint, list):
        entries = hint
    texts = tuple([entry for entry in entries if isinstance(entry, str)])
    return _known_addresses(texts) if sum(map(len, texts)) <= _REMEMBERED else _addresses(texts)


_REMEMBERED = 32 * 1024
"""Characters of a hint that is remembered: a subset of a thousand endpoints."""
_LONGEST = 64
"""Characters of an IP address with its port, and of blanks around it; what is longer is none."""


def _addresses(texts: tuple[str, ...]) -> frozenset[str]:
    """Both as written, for endpoints that are known by a host name, and in the one spelling of an IP address."""
    written = [address.strip() for text in texts for address in text.split(",")]
    return frozenset(filter(None, written)) | frozenset(filter(None, map(canonical_address, written)))


_known_addresses = lru_cache(maxsize=64)(_addresses)


def canonical_address(text: str) -> str | None:
    """``ip:port`` in the one spelling that endpoints have; None: it is none. IPv6 stands in brackets."""
    return _canonical(text) if len(text) <= _LONGEST else None


@lru_cache(maxsize=4096)
def _canonical(text: str) -> str | None:
    host, colon, port = text.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5 or not 0 < int(port) < 65536:
        return None
    bracketed = host[:1] == "[" and host[-1:] == "]"
    try:
        address = ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    if bracketed != (address.version == 6):
        return None
    return f"[{address}]:{int(port)}" if bracketed else f"{address}:{int(port)}"
