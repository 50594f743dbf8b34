"""Checks the signature of a request to S3 (AWS Signature Version 4, in the Authorization header). Pure.

The loopback bucket knows by it that a request is from a process that was given the key: every process of the machine
can reach a loopback port.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import msgspec

LATE_SECONDS = 900.0
"""Difference of the clocks that S3 allows; a recorded request is of no use afterwards."""
_SCHEME = "AWS4-HMAC-SHA256"
_FIELD = re.compile(r"(Credential|SignedHeaders|Signature)=([^,\s]+)")
_SAFE = "-_.~"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What the client signs with."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"Key({self.id})"


class SignedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that a signature is about."""

    method: str
    target: str
    """As it was sent: path, and query where there is one."""
    headers: Mapping[str, str]
    """By name in lower case."""


def is_signed(request: SignedRequest, key: Key, now: float) -> bool:
    """Whether ``request`` was signed with ``key`` a short while ago. ``now``: seconds, Unix time."""
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    fields = dict(_FIELD.findall(rest))
    if scheme != _SCHEME or len(fields) != 3:
        return False
    owner, _, scope = fields["Credential"].partition("/")
    time = request.headers.get("x-amz-date", "")
    if owner != key.id or scope.count("/") != 3 or abs(now - _seconds(time)) > LATE_SECONDS:
        return False
    names = fields["SignedHeaders"].split(";")
    if "host" not in names or "x-amz-date" not in names:
        return False
    canonical = hashlib.sha256(_canonical(request, names).encode()).hexdigest()
    text = "\n".join((_SCHEME, time, scope, canonical))
    wanted = hmac.new(_signing_key(key.secret, scope), text.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), fields["Signature"].encode())


def _canonical(request: SignedRequest, names: list[str]) -> str:
    path, _, query = request.target.partition("?")
    pairs = sorted(tuple(map(_encoded, part.partition("=")[::2])) for part in query.split("&") if part)
    headers = (f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in names)
    return "\n".join(
        (
            request.method,
            quote(unquote(path), safe=f"/{_SAFE}"),
            "&".join(f"{name}={value}" for name, value in pairs),
            "".join(headers),
            ";".join(names),
            request.headers.get("x-amz-content-sha256", ""),
        )
    )


def _encoded(text: str) -> str:
    return quote(unquote(text), safe=_SAFE)


def _signing_key(secret: str, scope: str) -> bytes:
    found = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        found = hmac.new(found, part.encode(), hashlib.sha256).digest()
    return found


def _seconds(time: str) -> float:
    """Unix time of ``20250102T030405Z``; the beginning of time for what is none."""
    try:
        return datetime.strptime(time, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
