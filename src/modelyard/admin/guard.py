"""Who may use the admin API: programs on this machine, never a web page that somebody opened.

The API has no login; what protects it is that a browser can be told apart. A page of another site can make a
browser send requests here, in two ways: under its own name, which it lets resolve to this address (DNS
rebinding: the ``Host`` header names the page's site), or across sites, which for a write needs a content type
that browsers do not send without asking first, and this API never answers that question (no CORS).
"""

from __future__ import annotations

import ipaddress

import msgspec

JSON_TYPE = "application/json"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What a request says about where it comes from."""

    method: str
    host: str
    """The Host header; empty: there is none."""
    content_type: str = ""
    origin: str = ""
    """The Origin header; empty: not from a web page, or from one that reads only its own site."""
    own_address: str = ""
    """Local address of the connection."""
    own_port: int = 0
    everywhere: bool = False
    """The API was asked to listen on every address (``--admin 0.0.0.0:9901``), behind which names and forwarded
    addresses are not known."""


def refusal(caller: Caller) -> tuple[int, str] | None:
    """Status and reason, where the request must not be served; None: it may."""
    if not _names_this_api(caller):
        return 403, (
            f"Host {caller.host!r} is not an address of this admin API; ask it as http://127.0.0.1:{caller.own_port}."
        )
    if caller.method in ("GET", "HEAD"):
        return None
    if caller.content_type.partition(";")[0].strip().lower() != JSON_TYPE:
        return 415, f"Send the body as {JSON_TYPE} (Content-Type was {caller.content_type!r})."
    if caller.origin and caller.origin.lower() != f"http://{caller.host}".lower():
        return 403, f"Requests of web pages of {caller.origin} are not served."
    return None


def _names_this_api(caller: Caller) -> bool:
    """A loopback name with any port (a forwarded port has another number), or the connection's own address and port.

    An API that listens everywhere takes every address, which no site can pass off as its name, and names of one
    label (a container's, a Service's), which no site has."""
    host, port = _split(caller.host)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return caller.everywhere and "." not in host and host != ""
    if address.is_loopback or caller.everywhere:
        return True
    own = ipaddress.ip_address(caller.own_address.partition("%")[0] or "::")
    own = getattr(own, "ipv4_mapped", None) or own
    return address == own and (port or "80") == str(caller.own_port)


def _split(host: str) -> tuple[str, str]:
    """Name in lower case, and port, of a Host header; brackets of an IPv6 address removed."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        return name.lower(), rest.removeprefix(":")
    name, _, port = host.partition(":")
    return name.lower().removesuffix("."), port
