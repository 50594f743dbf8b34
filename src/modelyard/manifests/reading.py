"""Manifest files and folders -> one ResourceSet and everything that is wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from modelyard.manifests.files import find_files, os_error, vanished
from modelyard.resources.bases import Origin
from modelyard.resources.chart_pools import chart_pools
from modelyard.resources.errors import ResourceError
from modelyard.resources.extension_deployments import extension_settings
from modelyard.resources.kinds import AnyResource
from modelyard.resources.loading import MAX_BYTES, LoadResult, load_documents
from modelyard.resources.ray_serve_service import serve_services
from modelyard.resources.resource_set import ResourceSet
from modelyard.resources.yard import Yard
from modelyard.shortform.expansion import expanded


class ReadResult(msgspec.Struct, frozen=True, kw_only=True):
    """One reading of all paths. Two readings are equal when nothing changed."""

    resource_set: ResourceSet = ResourceSet()
    """Every object without a fault."""
    errors: tuple[ResourceError, ...] = ()
    """Everything else: missing and unreadable files, broken documents, duplicates."""
    files: tuple[str, ...] = ()
    """The files that were read, in order."""


def read_manifests(paths: Iterable[str | Path], extra: LoadResult | None = None) -> ReadResult:
    """Reads files and folders (recursively, ``*.yaml``, ``*.yml``, ``*.json``, by name). Never raises.

    After each Yard come the objects that it stands for, and last what a cluster makes: the Services of RayServices,
    InferencePools of charts, and what Deployments of endpoint pickers and body-based routers are told. ``extra`` is
    what the caller loaded from elsewhere, for example from standard input; it comes first.
    """
    given = [str(path) for path in paths]
    found = find_files(given)
    objects: list[AnyResource] = list(extra.objects) if extra is not None else []
    errors: list[ResourceError] = [*(extra.errors if extra is not None else ()), *found.errors]
    for file in found.files:
        loaded = _load_file(file, named=file in given)
        objects.extend(loaded.objects)
        errors.extend(loaded.errors)
    whole = list(_with_expansions(objects, errors))
    settings = extension_settings(whole)
    errors.extend(settings.errors)
    resource_set, duplicates = ResourceSet.of([*whole, *serve_services(whole), *chart_pools(whole), *settings.objects])
    return ReadResult(resource_set=resource_set, errors=(*errors, *duplicates), files=found.files)


def folder_of(origin: Origin) -> str:
    """The absolute folder of an object's file, where its relative paths begin; for standard input the current one."""
    return os.path.dirname(os.path.abspath(origin.source))


def _with_expansions(objects: Iterable[AnyResource], errors: list[ResourceError]) -> Iterator[AnyResource]:
    """Of two Yards with one name only the first stands for anything."""
    seen: set[tuple[str, str]] = set()
    for resource in objects:
        yield resource
        if isinstance(resource, Yard):
            key = (resource.metadata.namespace, resource.metadata.name)
            if key not in seen:
                seen.add(key)
                loaded = expanded(resource, folder_of(resource.origin))
                errors.extend(loaded.errors)
                yield from loaded.objects


def _load_file(path: str, *, named: bool) -> LoadResult:
    """``named``: the user gave this very path, which must then be there."""
    try:
        content = _read(path)
    except OSError as error:
        if not named and vanished(path, error):
            return LoadResult()
        return LoadResult(errors=(os_error(path, error),))
    if content is None:
        message = "is not a regular file; use '-' to read from standard input"
        return LoadResult(errors=(ResourceError(source=path, message=message),))
    return load_documents(content, path)


def _read(path: str) -> bytes | None:
    """At most one byte more than is allowed; None for a pipe or device, which could block for ever."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        return file.read(MAX_BYTES + 1)
