"""Where the models that manifests name are taken from on this machine: ``--source NAME=WHERE`` and ``sources``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from modelyard.resources.errors import shown
from modelyard.resources.weights_source import WeightsSource, parse_source

DEMO_MODEL, DEMO_ADAPTER = "demo://demo-llama", "demo://food-review"


class SourceTable(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for which name. Pure; used by everything that runs models here (Deployments, Ray, Jobs, adapters)."""

    entries: Mapping[str, str] = {}
    """A model's name as the manifest has it (``google/gemma-3-1b-it``), a path (``/gcs/google/gemma``), a mount's path
    (``/gcs``) or a bucket (``gs://bucket``) -> where it is taken from."""

    def find(self, *names: str) -> WeightsSource | None:
        """The source of the first name that has one; None: no entry speaks of them.

        An entry of a path or bucket also stands for everything below it: with ``/gcs=/disk``, ``/gcs/a/b`` is
        ``/disk/a/b``. The longest entry wins.
        """
        for name in names:
            key = self.key_of(name)
            if key is not None:
                return below(parse_source(self.entries[key]), _plain(name)[len(key) :].lstrip("/"))
        return None

    def key_of(self, name: str) -> str | None:
        """The entry that speaks of ``name``."""
        name = _plain(name)
        if name in self.entries:
            return name
        if not _has_parts(name):
            return None
        above = [key for key in self.entries if name.startswith(f"{key}/") and _has_parts(key) and self._is_folder(key)]
        return max(above, key=len, default=None)

    def _is_folder(self, key: str) -> bool:
        """Only a folder of any kind has something below it."""
        return parse_source(self.entries[key]).kind in ("path", "gs", "s3")


def source_table(pairs: Iterable[tuple[str, str]]) -> SourceTable:
    """A table in which the first entry of a name stands. Raises ValueError, for people, for what is no source."""
    entries: dict[str, str] = {}
    for name, where in pairs:
        parse_source(where)
        if not name or not name.isprintable():
            raise ValueError(f"{shown(name)} is no name of a model, path or bucket")
        entries.setdefault(_plain(name), where)
    return SourceTable(entries=entries)


def split_option(text: str) -> tuple[str, str]:
    """NAME and WHERE of ``--source NAME=WHERE``. Raises ValueError, for people."""
    name, equals, where = text.partition("=")
    if not equals or not name or not where:
        raise ValueError(f"{shown(text)} is no source; write NAME=WHERE, for example google/gemma-2b-it={DEMO_MODEL}")
    try:
        parse_source(where)
    except ValueError as error:
        raise ValueError(f"the source of {name}: {error}") from None
    return name, where


def below(source: WeightsSource, rest: str) -> WeightsSource:
    """The source that lies ``rest`` below a folder."""
    if not rest:
        return source
    return msgspec.structs.replace(source, name=f"{source.name.rstrip('/')}/{rest}")


def how_to_say_where(name: str, *, adapter: bool = False) -> str:
    """The next step where the files of ``name`` cannot be had, with the whole flag."""
    demo = DEMO_ADAPTER if adapter else DEMO_MODEL
    kind = "adapter" if adapter else "model"
    return (
        f"say where this {kind} is taken from: --source {_quoted(f'{name}={demo}')} for a demo {kind}, "
        "or a folder, ORG/NAME of the hub, gs://BUCKET/FOLDER or s3://BUCKET/FOLDER in place of demo://…"
    )


def _quoted(text: str) -> str:
    return text if all(letter.isalnum() or letter in "/._-=:@" for letter in text) else "'" + text + "'"


def _plain(name: str) -> str:
    return name.rstrip("/") or name


def _has_parts(name: str) -> bool:
    return name.startswith(("/", "gs://", "s3://"))
