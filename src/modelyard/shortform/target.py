"""For whom a Yard is expanded, and what every part of the expansion knows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from modelyard.resources.yard import Yard

Manifest = dict[str, Any]
"""One Kubernetes object as a plain value."""

PART_OF = "app.kubernetes.io/part-of"
"""Label with the Yard's name, on every object that it stands for."""


class Target(StrEnum):
    """Where the objects are to be used."""

    LOCAL = "local"
    """This machine: what ``modelyard up`` runs."""
    KUBERNETES = "kubernetes"
    """What to apply to a cluster."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One expansion."""

    yard: Yard
    target: Target
    folder: str
    """Absolute folder of the Yard's file: relative paths begin there."""

    @property
    def local(self) -> bool:
        return self.target is Target.LOCAL

    def object(
        self, api_version: str, kind: str, name: str, annotations: Mapping[str, str] | None = None, **content: Any
    ) -> Manifest:
        """An object of this Yard with its metadata, in the Yard's namespace."""
        metadata: Manifest = {"name": name}
        if self.yard.metadata.namespace != "default":
            metadata["namespace"] = self.yard.metadata.namespace
        metadata["labels"] = {PART_OF: self.yard.metadata.name}
        if annotations:
            metadata["annotations"] = dict(annotations)
        return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **content}
