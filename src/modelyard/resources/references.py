"""References between Gateway API objects (``gateway.networking.k8s.io``)."""

from __future__ import annotations

from modelyard.resources.bases import Strict

GATEWAY_GROUP = "gateway.networking.k8s.io"


class LocalObjectReference(Strict, frozen=True, kw_only=True):
    """An object of the same namespace."""

    group: str
    kind: str
    name: str


class ObjectReference(Strict, frozen=True, kw_only=True):
    """An object of any namespace; None means the namespace of the referring object."""

    group: str
    kind: str
    name: str
    namespace: str | None = None


class SecretObjectReference(Strict, frozen=True, kw_only=True):
    """A certificate. Another namespace needs a ReferenceGrant there."""

    group: str = ""
    kind: str = "Secret"
    name: str
    namespace: str | None = None


class ParentReference(Strict, frozen=True, kw_only=True):
    """The Gateway (or one of its listeners) that a route attaches to."""

    group: str = GATEWAY_GROUP
    kind: str = "Gateway"
    namespace: str | None = None
    name: str
    section_name: str | None = None
    """Listener name; None means all listeners."""
    port: int | None = None


class BackendObjectReference(Strict, frozen=True, kw_only=True):
    """A Service or an InferencePool. Another namespace needs a ReferenceGrant there."""

    group: str = ""
    kind: str = "Service"
    name: str
    namespace: str | None = None
    port: int | None = None
    """Service port number (not the target port); ignored for an InferencePool."""
