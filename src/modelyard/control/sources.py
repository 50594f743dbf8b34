"""Which sources are in force: the command line's first, then those of the Yards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from modelyard.manifests.reading import folder_of
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.source_table import SourceTable, source_table


def sources_in_force(resources: ResourceSet, given: Mapping[str, str]) -> SourceTable:
    """The table of all sources; ``given`` is from the command line, whose relative paths begin in the current folder,
    a Yard's in its file's."""
    return source_table(_pairs(resources, given))


def _pairs(resources: ResourceSet, given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, where in given.items():
        yield name, _absolute(where, Path.cwd())
    for yard in resources.yards.values():
        folder = Path(folder_of(yard.origin))
        for name, where in yard.spec.sources.items():
            yield name, _absolute(where, folder)


def _absolute(where: str, folder: Path) -> str:
    """``where``, with a relative path led on from ``folder``."""
    if not where.startswith(("./", "../")):
        return where
    return str((folder / where).resolve())
