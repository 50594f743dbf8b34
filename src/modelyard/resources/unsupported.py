"""Kinds that are recognised and not used: kept with the reason, so that nothing is dropped in silence."""

from __future__ import annotations

from modelyard.resources.bases import LenientResource


class Unsupported(LenientResource, frozen=True, kw_only=True):
    """An object that this version has no use for."""

    reason: str = ""
    """Why, for people, for example ``not used in local mode: it configures cluster monitoring``."""
