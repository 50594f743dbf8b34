"""Buckets on loopback: the calls of S3 and of Google's store that a fetch makes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from loopback_http import LoopbackHandler, Site

BUCKET = "models"


class BucketSite(Site):
    """One bucket, in both languages."""

    def __init__(self, objects: Mapping[str, bytes]) -> None:
        super().__init__()
        self.objects = dict(objects)
        self.encrypted = False
        """Objects have ETags that look like an MD5 and are none."""
        self.in_parts = False
        """Objects came in parts: no MD5 of the whole is known."""
        self.closed = False
        """Nobody may read."""

    def answer(self, request: LoopbackHandler) -> None:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        path = url.path
        if self.closed:
            request.send(403, b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
        elif path.startswith((f"/storage/v1/b/{BUCKET}/o", "/download/storage/v1/")):
            self._google(request, unquote(path.partition("/o/")[2]), query)
        elif path.startswith(f"/{BUCKET}"):
            self._amazon(request, unquote(path.removeprefix(f"/{BUCKET}").lstrip("/")), query)
        else:
            request.send(404, b"{}")

    def _google(self, request: LoopbackHandler, name: str, query: Mapping[str, str]) -> None:
        if name and name not in self.objects:
            request.send(404, b"{}")
        elif name and query.get("alt") == "media":
            request.send_file(self.objects[name], self.tap, {})
        else:
            items = [
                self._google_object(n, c) for n, c in self.objects.items() if n.startswith(query.get("prefix", ""))
            ]
            answer = self._google_object(name, self.objects[name]) if name else {"items": items}
            request.send(200, json.dumps(answer).encode(), {"content-type": "application/json"})

    def _google_object(self, name: str, content: bytes) -> dict[str, object]:
        about: dict[str, object] = {"name": name, "bucket": BUCKET, "size": str(len(content)), "generation": "1"}
        about |= {"kind": "storage#object", "crc32c": base64.b64encode(_crc32c(content)).decode()}
        if not self.in_parts:
            about["md5Hash"] = base64.b64encode(bytes.fromhex(_md5(content))).decode()
        return about

    def _amazon(self, request: LoopbackHandler, name: str, query: Mapping[str, str]) -> None:
        if not name:
            xml = self._amazon_listing(query.get("prefix", ""))
            request.send(200, xml.encode(), {"content-type": "application/xml"})
        elif name not in self.objects:
            request.send(404, b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>")
        else:
            content = self.objects[name]
            kms = {"x-amz-server-side-encryption": "aws:kms"} if self.encrypted else {}
            about = {"etag": f'"{self._etag(content)}"', "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT", **kms}
            request.send_file(content, self.tap, about)

    def _amazon_listing(self, prefix: str) -> str:
        contents = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(content)}</Size>"
            f"<ETag>&quot;{self._etag(content)}&quot;</ETag><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
            "<StorageClass>STANDARD</StorageClass></Contents>"
            for name, content in self.objects.items()
            if name.startswith(prefix)
        )
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>{contents}"
            "</ListBucketResult>"
        )

    def _etag(self, content: bytes) -> str:
        plain = _md5(b"key" + content if self.encrypted else content)
        return f"{plain}-2" if self.in_parts else plain


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _crc32c(content: bytes) -> bytes:
    """Bit by bit, by the polynomial (RFC 3720, B.4): only for small objects."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return (value ^ 0xFFFFFFFF).to_bytes(4)
