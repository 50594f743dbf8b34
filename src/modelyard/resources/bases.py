"""What every resource type is built on: strict and lenient frozen Structs, and where an object was read.

A Python field is the snake_case of the API's camelCase name. Strict types refuse unknown fields; they are the
kinds that Modelyard implements. Lenient types are parts that Kubernetes owns (Pod templates, metadata): they
are read for what is used here, and the rest is skipped.
"""

from __future__ import annotations

import msgspec

from modelyard.resources.metadata import ObjectMeta


class Strict(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True):
    """A part of an object whose unknown fields are errors."""


class Lenient(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A part of an object whose unknown fields are skipped, because Kubernetes owns it."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, order=True, omit_defaults=True):
    """Where an object was read, for messages. Orders by file, document, line."""

    source: str = ""
    """File name as given, or ``-`` for standard input; empty for an object made by the program itself."""
    document: int = 0
    """Number of the YAML document in the file, from 1; 0 unknown."""
    line: int = 0
    """Line of the object's first field, from 1; 0 unknown."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source or "(built in)"


class StrictResource(Strict, frozen=True, kw_only=True):
    """A whole object of a kind that Modelyard implements. ``origin`` is set on loading, never by the file."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    origin: Origin = Origin()


class LenientResource(Lenient, frozen=True, kw_only=True):
    """A whole object of a kind that Kubernetes owns. ``origin`` is set on loading, never by the file."""

    api_version: str
    kind: str
    metadata: ObjectMeta
    origin: Origin = Origin()
