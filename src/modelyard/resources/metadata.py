"""Object metadata and status conditions (Kubernetes ``meta/v1``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec


class ObjectMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """``metadata`` of an object. Fields that Kubernetes writes and nothing here reads are skipped."""

    name: str = ""
    namespace: str = "default"
    """Empty for cluster-scoped kinds (GatewayClass, Namespace)."""
    generate_name: str = ""
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    creation_timestamp: str | None = None
    """RFC 3339; None for an object that no API server has seen."""
    generation: int = 0
    uid: str = ""


class Condition(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of ``status.conditions``."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = "1970-01-01T00:00:00Z"
