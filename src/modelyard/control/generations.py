"""``metadata.generation`` of objects that no API server has numbered, kept as an API server would.

People and programs tell by it whether a status (``observedGeneration``) is about the newest version of an object.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from modelyard.resources.bases import StrictResource
from modelyard.resources.kinds import AnyResource
from modelyard.resources.resource_set import ResourceSet


def numbered(read: ResourceSet, before: ResourceSet) -> ResourceSet:
    """``read`` with a generation for every object of an implemented kind: 1 for a new object, one more than in
    ``before`` after a change of anything but its metadata. A generation that the file names stays."""
    known: dict[Any, StrictResource] = {
        (type(item), *_key(item)): item for item in before if isinstance(item, StrictResource)
    }
    resources, _ = ResourceSet.of(_numbered(read, known))
    return resources


def _numbered(read: ResourceSet, known: dict[Any, StrictResource]) -> Iterator[AnyResource]:
    for item in read:
        if not isinstance(item, StrictResource) or item.metadata.generation:
            yield item
            continue
        old = known.get((type(item), *_key(item)))
        generation = 1 if old is None else old.metadata.generation + (not _same_content(item, old))
        metadata = msgspec.structs.replace(item.metadata, generation=generation)
        yield msgspec.structs.replace(item, metadata=metadata)


def _same_content(new: StrictResource, old: StrictResource) -> bool:
    return msgspec.structs.replace(new, metadata=old.metadata, origin=old.origin) == old


def _key(item: StrictResource) -> tuple[str, str]:
    return item.metadata.namespace, item.metadata.name
