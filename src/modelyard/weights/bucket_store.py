"""``gs://`` and ``s3://``, through fsspec's clients."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.checksums import Checksum
from modelyard.weights.errors import Interruption, WeightsError
from modelyard.weights.limits import FetchLimits
from modelyard.weights.store import Listing, RemoteFile

_BLOCK = 8 << 20
"""Bytes asked for at a time: large enough that asking costs little, small enough that little is lost by a kill."""
_CONNECT_SECONDS = 10
_LOGINS: Mapping[str, str] = {
    "gs": "log in with `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS",
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE (AWS_ENDPOINT_URL for other stores)",
}


class BucketStore:
    """A folder of a bucket."""

    pinned = False

    def __init__(self, source: WeightsSource, limits: FetchLimits) -> None:
        self._source = source
        self._prefix = f"{source.name}/"
        self._timeout = limits.timeout
        with self._problems():
            self._client = self._connect(anonymous=False)

    def listing(self) -> Listing:
        """All objects below the folder."""
        files = []
        for path, info in self._find().items():
            name = path.removeprefix(self._prefix)
            if path.startswith(self._prefix) and name and not name.endswith("/") and info.get("type") == "file":
                files.append(_file(name, info, self._source.kind))
        if not files:
            raise WeightsError(f"there is nothing below {self._source}; name the folder that holds config.json")
        files.sort(key=lambda file: file.name)
        lines = (f"{file.name}\0{file.size}\0{file.identity}\n" for file in files)
        return Listing(revision=hashlib.sha256("".join(lines).encode()).hexdigest()[:40], files=tuple(files))

    def vouches(self, file: RemoteFile) -> bool:
        """What S3 encrypts with a managed key has an ETag that looks like an MD5 and is none; no listing tells."""
        if self._source.kind == "gs":
            return True
        with self._problems():
            head = self._client.call_s3("head_object", Bucket=self._source.bucket, Key=self._key(file))
        return "kms" not in str(head.get("ServerSideEncryption", ""))

    def read(self, file: RemoteFile, start: int) -> Iterator[bytes]:
        """The file's bytes from this one on."""
        while start < file.size:
            with self._problems():
                block = self._client.cat_file(self._prefix + file.name, start=start, end=min(file.size, start + _BLOCK))
            if not block:
                return
            yield block
            start += len(block)

    def _key(self, file: RemoteFile) -> str:
        return f"{self._prefix}{file.name}".partition("/")[2]

    def _find(self) -> Mapping[str, Mapping[str, Any]]:
        try:
            with self._problems():
                return self._all()
        except _NoLogin:
            self._client = self._connect(anonymous=True)
            with self._problems():
                return self._all()

    def _all(self) -> Mapping[str, Mapping[str, Any]]:
        self._client.invalidate_cache()
        found: Mapping[str, Mapping[str, Any]] = self._client.find(self._source.name, detail=True)
        return found

    def _connect(self, *, anonymous: bool) -> Any:
        seconds = self._timeout
        try:
            if self._source.kind == "gs":
                from gcsfs.core import GCSFileSystem  # the plain one: the default one asks a second API first

                options = {"token": "anon"} if anonymous else {}
                return GCSFileSystem(requests_timeout=seconds, skip_instance_cache=True, **options)
            from s3fs import S3FileSystem

            times = {"connect_timeout": min(seconds, _CONNECT_SECONDS), "read_timeout": seconds}
            return S3FileSystem(anon=anonymous, config_kwargs=times, skip_instance_cache=True)
        except ImportError:
            raise WeightsError(
                f"{self._source.kind}:// needs packages that are not installed: pip install 'modelyard[buckets]'"
            ) from None

    @contextmanager
    def _problems(self) -> Iterator[None]:
        """The clients raise what their own clients raise: what is not known to be final is tried again."""
        try:
            yield
        except (WeightsError, Interruption):
            raise
        except FileNotFoundError:
            raise WeightsError(f"{self._source} does not exist, or part of it was removed") from None
        except PermissionError as problem:
            raise WeightsError(f"{self._source} may not be read ({problem}): {_LOGINS[self._source.kind]}") from None
        except Exception as problem:
            if str(problem).startswith("Forbidden"):  # how Google's client says it
                raise WeightsError(f"{self._source} may not be read: {_LOGINS[self._source.kind]}") from None
            if type(problem).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
                raise _NoLogin(f"{self._source} may not be read: {_LOGINS[self._source.kind]}") from None
            raise Interruption(f"{type(problem).__name__}: {problem}") from problem


class _NoLogin(WeightsError):
    """This machine has no login; a public bucket needs none."""


def _file(name: str, info: Mapping[str, Any], kind: str) -> RemoteFile:
    identity = str(info.get("generation") or info.get("ETag") or info.get("etag") or "").strip('"')
    checksum = _s3_checksum(identity) if kind == "s3" else _gs_checksum(info)
    return RemoteFile(name=name, size=int(info["size"]), checksum=checksum, identity=identity)


def _s3_checksum(etag: str) -> Checksum | None:
    """The ETag of an object that came in one part is its MD5; of others, and of encrypted ones, it says nothing."""
    is_md5 = len(etag) == 32 and all(digit in "0123456789abcdef" for digit in etag)
    return Checksum("md5", etag) if is_md5 else None


def _gs_checksum(info: Mapping[str, Any]) -> Checksum | None:
    for kind, key in (("md5", "md5Hash"), ("crc32c", "crc32c")):
        if info.get(key):
            return Checksum(kind, base64.b64decode(info[key]).hex())  # type: ignore[arg-type]
    return None
