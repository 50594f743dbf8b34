"""A folder of this machine as a bucket: the part of S3's API that reads, on loopback.

Ray Serve LLM loads adapters from buckets only (``dynamic_lora_loading_path`` must begin with s3://, gs://, abfss:// or
azure://), and asks Arrow's S3 client when the path begins with ``pyarrow-s3://``. With ``AWS_ENDPOINT_URL_S3`` in Ray's
environment that client comes here. Read-only, one folder; every request must be signed with a key that is made at each
start and lies in a file which this user alone can read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from aiohttp import web

from modelyard.lora.s3_signature import Key, SignedRequest, is_signed

BUCKET = "modelyard"
"""Name of the bucket; its content is the folder's."""
MAX_KEYS = 1000
"""Keys of one page of a listing, as S3 has it."""
_XML = "application/xml"


class LoopbackBucket:
    """Serves ``folder`` until ``stop``. ``credentials``: the file, in the form of AWS, that its key is written to."""

    def __init__(self, folder: Path, credentials: Path) -> None:
        self._folder, self._credentials = folder, credentials
        self._key = Key(id=f"MODELYARD{secrets.token_hex(8).upper()}", secret=secrets.token_hex(32))
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """The endpoint, ``http://127.0.0.1:PORT``. Raises OSError."""
        await asyncio.to_thread(self._write_key)
        app = web.Application()
        app.router.add_get("/{path:.*}", self._get)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        address = self._runner.addresses[0]
        return f"http://{address[0]}:{address[1]}"

    async def stop(self) -> None:
        """Close the socket; the key is of no more use."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._credentials.unlink(missing_ok=True)

    @staticmethod
    def path(prefix: str) -> str:
        """What Ray's ``dynamic_lora_loading_path`` must be for the subfolder ``prefix``."""
        return f"pyarrow-s3://{BUCKET}/{prefix}".rstrip("/")

    def environment(self, endpoint: str) -> dict[str, str]:
        """What Ray's processes need in their environment: where the key is, not the key, so that it may be shown.
        Keys of the manifest's own, which would come first, are emptied: they are not for this bucket."""
        return {
            "AWS_ENDPOINT_URL_S3": endpoint,
            "AWS_SHARED_CREDENTIALS_FILE": str(self._credentials),
            "AWS_PROFILE": "default",
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_SESSION_TOKEN": "",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_REGION": "us-east-1",
        }

    def _write_key(self) -> None:
        """Raises OSError."""
        self._credentials.parent.mkdir(parents=True, exist_ok=True)
        self._credentials.unlink(missing_ok=True)
        number = os.open(self._credentials, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w") as file:
            file.write(f"[default]\naws_access_key_id = {self._key.id}\naws_secret_access_key = {self._key.secret}\n")

    async def _get(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        signed = SignedRequest(method=request.method, target=request.raw_path, headers=headers)
        if not is_signed(signed, self._key, time.time()):
            return _refused("AccessDenied", 403)
        bucket, _, key = request.path.lstrip("/").partition("/")
        if bucket != BUCKET:
            return _refused("NoSuchBucket")
        if not key:
            return await self._list(request)
        place = await asyncio.to_thread(self._place, key)
        if place is None:
            return _refused("NoSuchKey")
        return web.FileResponse(place, headers={"Content-Type": "application/octet-stream"})

    def _place(self, key: str) -> Path | None:
        """The plain file of a key; None: there is none in the folder."""
        if "\0" in key:
            return None
        place = Path(os.path.normpath(self._folder / key))
        root = self._folder.resolve()
        if not place.is_relative_to(self._folder) or not place.resolve().is_relative_to(root) or not place.is_file():
            return None
        return place

    async def _list(self, request: web.Request) -> web.Response:
        """ListObjectsV2; without ``list-type`` only that the bucket is there."""
        query = request.query
        if query.get("list-type") != "2":
            return web.Response()
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
        after = query.get("continuation-token", query.get("start-after", ""))
        asked = query.get("max-keys", "")
        limit = min(int(asked), MAX_KEYS) if asked.isdecimal() else MAX_KEYS
        entries = await asyncio.to_thread(lambda: sorted(set(self._entries(prefix, delimiter))))
        entries = [entry for entry in entries if entry[0] > after]
        return web.Response(text=_listing(prefix, entries[:limit], more=len(entries) > limit), content_type=_XML)

    def _entries(self, prefix: str, delimiter: str) -> Iterator[tuple[str, int]]:
        """(key, size); a common prefix has size -1."""
        for parent, _, files in os.walk(self._folder):
            for name in files:
                place = Path(parent, name)
                key = place.relative_to(self._folder).as_posix()
                if not key.startswith(prefix) or self._place(key) is None:
                    continue
                rest = key[len(prefix) :]
                if delimiter and delimiter in rest:
                    yield prefix + rest.partition(delimiter)[0] + delimiter, -1
                else:
                    with contextlib.suppress(FileNotFoundError):  # taken off while this list is made
                        yield key, place.stat().st_size


def _listing(prefix: str, entries: list[tuple[str, int]], *, more: bool) -> str:
    files = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2000-01-01T00:00:00.000Z</LastModified>"
        f"<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key, size in entries
        if size >= 0
    )
    folders = "".join(
        f"<CommonPrefixes><Prefix>{escape(key)}</Prefix></CommonPrefixes>" for key, size in entries if size < 0
    )
    token = f"<NextContinuationToken>{escape(entries[-1][0])}</NextContinuationToken>" if more and entries else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(entries)}</KeyCount>"
        f"<MaxKeys>{MAX_KEYS}</MaxKeys><IsTruncated>{str(more).lower()}</IsTruncated>{token}{files}{folders}"
        "</ListBucketResult>"
    )


def _refused(code: str, status: int = 404) -> web.Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code></Error>'
    return web.Response(status=status, text=text, content_type=_XML)
