"""ReferenceGrant (``gateway.networking.k8s.io``)."""

from __future__ import annotations

import msgspec

from modelyard.resources.bases import Strict, StrictResource


class ReferenceGrantFrom(Strict, frozen=True, kw_only=True):
    """Who may refer."""

    group: str
    kind: str
    namespace: str


class ReferenceGrantTo(Strict, frozen=True, kw_only=True):
    """What may be referred to, in the grant's own namespace."""

    group: str
    kind: str
    name: str | None = None
    """None: every object of the kind."""


class ReferenceGrantSpec(Strict, frozen=True, kw_only=True):
    """Each ``from`` may refer to each ``to``."""

    from_: tuple[ReferenceGrantFrom, ...] = msgspec.field(name="from")
    to: tuple[ReferenceGrantTo, ...]


class ReferenceGrant(StrictResource, frozen=True, kw_only=True):
    """Allows references into its namespace from others."""

    spec: ReferenceGrantSpec
