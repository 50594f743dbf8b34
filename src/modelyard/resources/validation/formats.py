"""Formats that many fields share. Each check gives None, or what is wrong with the value.

Sources: Kubernetes' validation of names and labels (RFC 1123, RFC 1035), Gateway API's ``shared_types.go``.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from modelyard.resources.durations import parse_duration
from modelyard.resources.errors import shown
from modelyard.resources.quantities import Quantity, parse_quantity

_LABEL = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_DNS_LABEL = re.compile(_LABEL)
_DNS_LABEL_1035 = re.compile(r"[a-z](?:[-a-z0-9]*[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(_SUBDOMAIN)
_HOSTNAME = re.compile(rf"(?:\*\.)?{_SUBDOMAIN}")
_KIND = re.compile(r"[a-zA-Z](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\U0010ffff]*")
_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_PATH = re.compile(r"(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|%[0-9a-fA-F]{2})+")
_CONTROLLER = re.compile(rf"{_SUBDOMAIN}/[A-Za-z0-9/\-._~%!$&'()*+,;=:]+")
_ENV_NAME = re.compile(r"[ -<>-~]+")

Check = Callable[[str], str | None]


def dns_label(text: str) -> str | None:
    """RFC 1123 label, up to 63 characters."""
    if len(text) <= 63 and _DNS_LABEL.fullmatch(text):
        return None
    return f"{shown(text)} is no DNS label: lower-case letters, digits and '-', at most 63, no '-' at the ends"


def dns_label_1035(text: str) -> str | None:
    """RFC 1035 label: as ``dns_label``, and starts with a letter (names of Services)."""
    if len(text) <= 63 and _DNS_LABEL_1035.fullmatch(text):
        return None
    return f"{shown(text)} must start with a letter and hold lower-case letters, digits and '-', at most 63"


def dns_subdomain(text: str) -> str | None:
    """DNS labels joined by dots, up to 253 characters."""
    if len(text) <= 253 and _DNS_SUBDOMAIN.fullmatch(text):
        return None
    return f"{shown(text)} is no DNS name: lower-case letters, digits, '-' and '.', at most 253"


def group(text: str) -> str | None:
    """API group; empty is the core group."""
    return dns_subdomain(text) if text else None


def kind(text: str) -> str | None:
    if len(text) <= 63 and _KIND.fullmatch(text):
        return None
    return f"{shown(text)} is no kind: letters, digits and '-', starting with a letter, at most 63"


def object_name(text: str) -> str | None:
    """Name of a referenced object, 1 to 253 characters."""
    return None if 1 <= len(text) <= 253 else "must have 1 to 253 characters"


def hostname(text: str) -> str | None:
    """Host name with an optional ``*.`` in front; no IP address, no port."""
    if ":" in text:
        return f"{shown(text)} must be a host name without a port"
    if len(text) > 253 or not _HOSTNAME.fullmatch(text):
        return f"{shown(text)} is no host name: lower-case DNS labels, the first may be '*'"
    return f"{shown(text)} is an IP address; only names are allowed" if _is_ip(text) else None


def precise_hostname(text: str) -> str | None:
    """Host name without a wildcard."""
    return f"{shown(text)} must not have a wildcard" if text.startswith("*") else hostname(text)


def header_name(text: str) -> str | None:
    """A token of RFC 9110."""
    if len(text) <= 256 and _TOKEN.fullmatch(text):
        return None
    return f"{shown(text)} is no HTTP header name: letters, digits and !#$%&'*+-.^_`|~, at most 256"


def header_value(text: str) -> str | None:
    """A field value of RFC 9110, 1 to 4096 characters."""
    if not 1 <= len(text) <= 4096:
        return "must have 1 to 4096 characters"
    return None if _HEADER_VALUE.fullmatch(text) else "must not hold line breaks or control characters"


def absolute_path(text: str) -> str | None:
    """A normal absolute path, as Exact and PathPrefix matches need it."""
    if not text.startswith("/"):
        return f"{shown(text)} must start with '/'"
    if len(text) > 1024:
        return "must have at most 1024 characters"
    for part in ("//", "/./", "/../", "%2f", "%2F", "#"):
        if part in text:
            return f"{shown(text)} must not hold {part!r}"
    if text.endswith(("/.", "/..")):
        return f"{shown(text)} must not end with '/.' or '/..'"
    return None if _PATH.fullmatch(text) else f"{shown(text)} holds a character that no URL path may have"


def duration(text: str) -> str | None:
    """Gateway API duration (GEP-2257)."""
    try:
        parse_duration(text)
    except ValueError as error:
        return str(error)
    return None


def quantity(value: Quantity) -> str | None:
    """Kubernetes quantity, not negative."""
    try:
        return None if parse_quantity(value) >= 0 else f"{shown(value)} must not be negative"
    except ValueError as error:
        return str(error)


def port(number: int) -> str | None:
    return in_range(number, 1, 65535)


def in_range(number: int, low: int, high: int) -> str | None:
    return None if low <= number <= high else f"{number} is out of range; allowed: {low} to {high}"


def port_or_name(value: int | str) -> str | None:
    """A port number, or the name of one (up to 15 lower-case letters, digits and '-')."""
    if isinstance(value, int):
        return port(value)
    if value.isdigit():
        return f"{shown(value)} is a number in quotes; write it without quotes"
    return None if len(value) <= 15 and _DNS_LABEL.fullmatch(value) else f"{shown(value)} is no port name"


def label_key(text: str) -> str | None:
    """``name`` or ``prefix/name``."""
    prefix, slash, name = text.rpartition("/")
    if _LABEL_NAME.fullmatch(name) and (not slash or dns_subdomain(prefix) is None):
        return None
    return f"{shown(text)} is no label key: name or prefix/name, the name with at most 63 characters"


def label_value(text: str) -> str | None:
    if _LABEL_VALUE.fullmatch(text):
        return None
    return f"{shown(text)} is no label value: letters, digits, '-', '_' and '.', at most 63"


def controller_name(text: str) -> str | None:
    """``domain/path``."""
    if len(text) <= 253 and _CONTROLLER.fullmatch(text):
        return None
    return f"{shown(text)} is no controller name; write it like example.com/gateway-controller"


def env_name(text: str) -> str | None:
    """Printable ASCII without ``=``."""
    return None if _ENV_NAME.fullmatch(text) else f"{shown(text)} is no environment variable name"


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
