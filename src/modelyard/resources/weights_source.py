"""Where a model's or adapter's files come from (``--source``, ``sources``, ``source``, ``modelyard.dev/weights``)."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

import msgspec

from modelyard.resources.errors import shown

DEMO = "demo://"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9][\w./-]*", re.ASCII)
_DEMO_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")
"""What both kinds of bucket allow, and nothing that could be taken for a path or a flag."""
_UNSAFE = re.compile(r"[^A-Za-z0-9._@-]")
_LONGEST_FOLDER = 120
"""Longest folder name in characters; file systems take 255 bytes, and lock and partial files add to it."""
DEFAULT_REVISION = "main"


class WeightsSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source, read. ``str`` gives a text back that reads as the same source."""

    kind: Literal["demo", "path", "hub", "gs", "s3"]
    """``demo``: a model that comes with Modelyard. ``path``: a folder, used where it is. ``hub``: the Hugging Face hub.
    ``gs``, ``s3``: a folder of a bucket."""
    name: str
    """Name of the demo model; the path as written; the hub's id; ``bucket`` or ``bucket/prefix`` without a slash at the
    end."""
    revision: str = ""
    """Branch, tag or commit of the hub; empty: ``main``."""

    def __str__(self) -> str:
        if self.kind == "path":
            return self.name
        revision = f"@{self.revision}" if self.revision else ""
        return self.name + revision if self.kind == "hub" else f"{self.kind}://{self.name}"

    @property
    def folder(self) -> str:
        """Name of the folder that holds its files, below the root of all weights: known before anything is fetched,
        readable, safe as a file name, different for different sources. ``hub--google--gemma-2b-it@main``."""
        revision = f"@{self.revision or DEFAULT_REVISION}" if self.kind == "hub" else ""
        plain = f"{self.kind}--{self.name.strip('/').replace('/', '--')}{revision}"
        safe = _UNSAFE.sub("-", plain)
        if safe == plain and "--" not in self.name and "/" not in self.revision and len(safe) <= _LONGEST_FOLDER:
            return safe
        digest = hashlib.sha256(str(self).encode()).hexdigest()[:12]
        return f"{safe[:_LONGEST_FOLDER]}-{digest}"

    @property
    def bucket(self) -> str:
        """The bucket of ``gs`` and ``s3``."""
        return self.name.partition("/")[0]

    @property
    def prefix(self) -> str:
        """The folder inside the bucket; empty: all of it."""
        return self.name.partition("/")[2]


def parse_source(text: str) -> WeightsSource:
    """Reads ``demo://NAME``, ``/a/folder``, ``./a/folder`` (relative to the file), ``ORG/NAME[@REVISION]`` of the hub
    (also as ``hub://``), ``gs://bucket/prefix`` or ``s3://bucket/prefix``.

    Raises ValueError, for people, for anything else.
    """
    scheme = _SCHEME.match(text)
    if scheme:
        return _with_scheme(scheme[1], text[scheme.end() :], text)
    if text.startswith("~"):
        raise ValueError(f"{shown(text)}: '~' is not expanded; write the whole path, or one that begins with ./")
    if text.startswith(("/", "./", "../")):
        return _path(text)
    found = _hub(text)
    if found is not None:
        return found
    raise ValueError(
        f"{shown(text)} is no source; write demo://NAME, a path that begins with / or ./, "
        "a hub id ORG/NAME[@REVISION], or gs://BUCKET/FOLDER or s3://BUCKET/FOLDER"
    )


def _with_scheme(scheme: str, rest: str, text: str) -> WeightsSource:
    match scheme:
        case "demo":
            return _demo(rest)
        case "hub" | "hf":
            found = _hub(rest)
            if found is None:
                raise ValueError(
                    f"{shown(text)} names no model of the hub; write hub://ORG/NAME or hub://ORG/NAME@REVISION"
                )
            return found
        case "gs" | "s3":
            return _of_bucket(scheme, rest, text)
    raise ValueError(
        f"weights from {scheme}:// are not fetched; demo://, hub://, gs://, s3:// and paths are: "
        "copy the files to a folder and give its path"
    )


def _demo(name: str) -> WeightsSource:
    if not _DEMO_NAME.fullmatch(name):
        raise ValueError(f"{shown(DEMO + name)} names no demo model; write for example demo://demo-llama")
    return WeightsSource(kind="demo", name=name)


def _path(text: str) -> WeightsSource:
    if not text.isprintable():
        raise ValueError("a path must not hold control characters")
    return WeightsSource(kind="path", name=text)


def _hub(text: str) -> WeightsSource | None:
    """None: it is no hub id. A revision may be a branch with slashes, never one that leads out of a folder."""
    name, at, revision = text.partition("@")
    if not _HUB.fullmatch(name) or len(name) > 200 or ".." in revision:
        return None
    if at and (not _REVISION.fullmatch(revision) or len(revision) > 200):
        return None
    return WeightsSource(kind="hub", name=name, revision=revision)


def _of_bucket(scheme: Literal["gs", "s3"], rest: str, text: str) -> WeightsSource:
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.strip("/")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError(f"{shown(text)} names no bucket; write {scheme}://BUCKET/FOLDER")
    if not prefix.isprintable() or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise ValueError(f"{shown(text)}: a folder of a bucket has no empty parts, no . and no ..")
    return WeightsSource(kind=scheme, name=f"{bucket}/{prefix}" if prefix else bucket)
