"""Objects as Kubernetes would show them: what was written, with the status that this yard gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.admin.source import UnknownKind
from modelyard.resources.bases import LenientResource, StrictResource
from modelyard.resources.endpoint_picker_config import EndpointPickerConfig
from modelyard.resources.helm import BodyBasedRouterValues
from modelyard.resources.kinds import KINDS
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.statuses import UNBOUND, Binding, Statuses

UNBOUND_ALL: Mapping[tuple[str, str], Binding] = {}
NamedResource = StrictResource | LenientResource | EndpointPickerConfig


def shown_resources(
    resources: ResourceSet,
    statuses: Statuses,
    since: str,
    bindings: Mapping[tuple[str, str], Binding] = UNBOUND_ALL,
    ray_statuses: Mapping[tuple[str, str], Mapping[str, Any]] = {},
    *,
    kind: str | None = None,
    namespace: str | None = None,
    name: str | None = None,
) -> list[dict[str, Any]]:
    """The objects that fit, each with ``status`` where its kind has one. ``since`` is the conditions' transition time
    (RFC 3339); ``bindings`` says of each Gateway what came of binding it, and
    ``ray_statuses`` of each RayService how it is. Raises :class:`UnknownKind`."""
    kinds = {row.kind.lower(): row.kind for row in KINDS}
    if kind is not None and kind.lower() not in kinds:
        raise UnknownKind(f"kind {kind!r} is not known here; there are {', '.join(sorted(set(kinds.values())))}")
    wanted = kinds[kind.lower()] if kind is not None else None
    return [
        _shown(item, statuses, bindings, ray_statuses, since)
        for item in resources
        if not isinstance(item, BodyBasedRouterValues)
        and wanted in (None, item.kind)
        and namespace in (None, item.metadata.namespace)
        and name in (None, item.metadata.name)
    ]


def _shown(
    item: NamedResource,
    statuses: Statuses,
    bindings: Mapping[tuple[str, str], Binding],
    ray_statuses: Mapping[tuple[str, str], Mapping[str, Any]],
    since: str,
) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(item)
    shown.pop("origin", None)
    kind = shown.get("kind", "")
    if kind == "Secret":
        _redact(shown)
    key = (item.metadata.namespace, item.metadata.name)
    binding = bindings.get(key, UNBOUND) if kind == "Gateway" else UNBOUND
    status: Any = statuses.status_of(kind, *key, now=since, binding=binding)
    if kind == "RayService":
        status = ray_statuses.get(key)
    if status is not None:
        shown["status"] = status
    return shown


_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
"""Annotation in which kubectl repeats the whole object, values of Secrets included."""


def _redact(secret: dict[str, Any]) -> None:
    """Names of keys are of use to people; values never leave the process through the admin API."""
    annotations = secret.get("metadata", {}).get("annotations") or {}
    if _LAST_APPLIED in annotations:
        annotations[_LAST_APPLIED] = "(hidden)"
    for part in ("data", "stringData"):
        if part in secret:
            secret[part] = dict.fromkeys(secret[part], "(hidden)")
