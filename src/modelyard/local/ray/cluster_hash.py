"""When a changed cluster spec asks for a new cluster (KubeRay's rule).

Ignored are the numbers of workers, which workers are to be deleted, tolerations, scheduling gates and the cluster's
own ``upgradeStrategy``. Worker groups appended at the end are no reason either.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from modelyard.resources.ray_service import RayClusterSpec

_OF_A_GROUP = ("replicas", "minReplicas", "maxReplicas", "scaleStrategy")
_OF_A_POD = ("tolerations", "schedulingGates")


class ClusterHash(msgspec.Struct, frozen=True, kw_only=True):
    """What of a cluster's spec counts, as short digests."""

    base: str = ""
    """Everything but the worker groups."""
    groups: tuple[str, ...] = ()

    def serves(self, wanted: ClusterHash) -> bool:
        """Whether a cluster of this hash can go on as what ``wanted`` describes."""
        return self.base == wanted.base and wanted.groups[: len(self.groups)] == self.groups

    @property
    def short(self) -> str:
        """Five characters for names."""
        return _digest([self.base, *self.groups])[:5]


def cluster_hash(spec: RayClusterSpec) -> ClusterHash:
    """The hash of a cluster's spec."""
    plain: dict[str, Any] = msgspec.to_builtins(spec)
    plain.pop("upgradeStrategy", None)
    groups: list[dict[str, Any]] = plain.pop("workerGroupSpecs", [])
    for group in (plain.get("headGroupSpec", {}), *groups):
        _drop_what_does_not_count(group)
    return ClusterHash(base=_digest(plain), groups=tuple(map(_digest, groups)))


def _drop_what_does_not_count(group: dict[str, Any]) -> None:
    for name in _OF_A_GROUP:
        group.pop(name, None)
    pod = group.get("template", {}).get("spec", {})
    for name in _OF_A_POD:
        pod.pop(name, None)


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=5).hexdigest()
