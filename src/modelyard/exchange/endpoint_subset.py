"""The endpoints that a proxy allows for one request (Endpoint Picker Protocol 1.0, "subset"): ``ip:port``, compared
whole."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address


def subset_of(hint: object) -> frozenset[str]:
    """The addresses of a hint, which is a list of texts or one text with commas. What is no address in it allows
    nothing; so does a hint of another type."""
    entries: Iterable[object] = ()
    if isinstance(hint, str):
        entries = hint.split(",")
    elif isinstance(hint, list):
        entries = hint
    texts = tuple([entry for entry in entries if isinstance(entry, str)])
    return _addresses(texts)


@lru_cache(maxsize=64)
def _addresses(texts: tuple[str, ...]) -> frozenset[str]:
    """Both as written, for endpoints that are known by a host name, and in the one spelling of an IP address."""
    written = [text.strip() for text in texts]
    return frozenset(filter(None, written)) | frozenset(filter(None, map(canonical_address, written)))


@lru_cache(maxsize=4096)
def canonical_address(text: str) -> str | None:
    """``ip:port`` in the one spelling that endpoints have; None: it is none. IPv6 stands in brackets."""
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
