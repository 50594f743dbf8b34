"""Where a model's or adapter's files come from, as the short form writes it (``source``)."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from modelyard.resources.errors import shown

DEMO = "demo://"
_HUB = re.compile(r"[A-Za-z0-9][\w.-]*(?:/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_DEMO_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class WeightsSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source, read."""

    kind: Literal["demo", "path", "hub"]
    """``demo``: trained on this machine on first use. ``path``: a folder. ``hub``: the engine downloads it from the
    Hugging Face hub where it is not in its cache."""
    name: str
    """Name of the demo model; the path as written; the hub's id."""


def parse_source(text: str) -> WeightsSource:
    """Reads ``demo://NAME``, ``/a/folder``, ``./a/folder`` (relative to the file) or a hub id ``ORG/NAME``.

    Raises ValueError, for people, for anything else.
    """
    if text.startswith(DEMO):
        return _demo(text.removeprefix(DEMO))
    if _SCHEME.match(text):
        scheme = text.partition("://")[0]
        raise ValueError(
            f"weights from {scheme}:// are not fetched by this version; copy them to a folder and give its path"
        )
    if text.startswith("~"):
        raise ValueError(f"{shown(text)}: '~' is not expanded; write the whole path, or one that begins with ./")
    if text.startswith(("/", "./", "../")):
        return _path(text)
    if _HUB.fullmatch(text) and len(text) <= 200:
        return WeightsSource(kind="hub", name=text)
    raise ValueError(
        f"{shown(text)} is no source; write demo://NAME, a path that begins with / or ./, or a hub id ORG/NAME"
    )


def _demo(name: str) -> WeightsSource:
    if not _DEMO_NAME.fullmatch(name):
        raise ValueError(f"{shown(DEMO + name)} names no demo model; write for example demo://demo-llama")
    return WeightsSource(kind="demo", name=name)


def _path(text: str) -> WeightsSource:
    if not text.isprintable():
        raise ValueError("a path must not hold control characters")
    return WeightsSource(kind="path", name=text)
