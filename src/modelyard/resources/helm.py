"""Helm values of the body-based router (chart root ``bbr``, later ``payloadProcessor``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.resources.bases import Lenient, Origin

BODY_FIELD_TO_HEADER, BASE_MODEL_TO_HEADER = "body-field-to-header", "base-model-to-header"
"""Plugin types."""
VALUES_ROOTS = ("bbr", "payloadProcessor")
"""Top-level keys that tell such a values file."""


class BodyPlugin(Lenient, frozen=True, kw_only=True):
    """One plugin of the body-based router, in order of running."""

    type: str
    """``body-field-to-header``, ``base-model-to-header`` or ``no-op-plugin``."""
    name: str = ""
    json: Mapping[str, Any] = {}
    """Parameters as written."""

    @property
    def field_name(self) -> str:
        """Body field of ``body-field-to-header``."""
        return str(self.json.get("field_name") or self.json.get("fieldName") or "")

    @property
    def header_name(self) -> str:
        """Header of ``body-field-to-header``; ``X-Gateway-<field>`` where none is named."""
        named = self.json.get("header_name") or self.json.get("headerName")
        return str(named) if named else f"X-Gateway-{self.field_name}"


class BodyBasedRouter(Lenient, frozen=True, kw_only=True):
    """The part of the values that has a meaning here."""

    plugins: tuple[BodyPlugin, ...] = ()


class BodyBasedRouterValues(Lenient, frozen=True, kw_only=True):
    """One values file."""

    bbr: BodyBasedRouter = BodyBasedRouter()
    origin: Origin = Origin()

    @property
    def plugins(self) -> tuple[BodyPlugin, ...]:
        return self.bbr.plugins
