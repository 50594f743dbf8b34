"""The manifests in force: the last good set keeps serving while what is on disk is broken."""

from __future__ import annotations

from dataclasses import dataclass

from modelyard.control.generations import numbered
from modelyard.manifests.reading import ReadResult
from modelyard.resources.errors import ResourceError
from modelyard.resources.resource_set import ResourceSet


@dataclass(frozen=True, slots=True)
class Configuration:
    """What is applied, and what is wrong with what is on disk. ``after`` gives the next one."""

    resources: ResourceSet
    generation: int = 1
    errors: tuple[ResourceError, ...] = ()
    """Errors of the newest reading; not empty means that ``resources`` are older than the files."""

    @staticmethod
    def first(read: ReadResult) -> Configuration:
        """The configuration to start with; ``read`` is free of errors."""
        return Configuration(numbered(read.resource_set, ResourceSet()))

    def after(self, read: ReadResult) -> Configuration:
        """Take a new reading: whole, or (where it has errors) only its errors."""
        if read.errors:
            return Configuration(self.resources, self.generation, tuple(read.errors))
        resources = numbered(read.resource_set, self.resources)
        if resources == self.resources:
            return Configuration(self.resources, self.generation)
        return Configuration(resources, self.generation + 1)

    def refusing(self, message: str) -> Configuration:
        """This one goes on, because its successor cannot be put in force."""
        return Configuration(self.resources, self.generation, (ResourceError(message=message),))

    @property
    def stale(self) -> bool:
        """Whether an older set is being served because the newest one is broken."""
        return bool(self.errors)
