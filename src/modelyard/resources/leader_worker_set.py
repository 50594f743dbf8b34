"""LeaderWorkerSet (``leaderworkerset.x-k8s.io/v1``): replicas that are groups of Pods, one model over several nodes.

Read to be checked and shown; one machine cannot run it. https://lws.sigs.k8s.io/docs/reference/leaderworkerset.v1/
"""

from __future__ import annotations

from modelyard.resources.bases import Lenient, LenientResource
from modelyard.resources.pods import PodTemplateSpec


class LeaderWorkerTemplate(Lenient, frozen=True, kw_only=True):
    """One group."""

    leader_template: PodTemplateSpec | None = None
    """The first Pod; None: like the others."""
    worker_template: PodTemplateSpec
    size: int = 1
    """Pods of a group, the leader counted."""


class LeaderWorkerSetSpec(Lenient, frozen=True, kw_only=True):
    """How many groups of which Pods."""

    replicas: int = 1
    leader_worker_template: LeaderWorkerTemplate


class LeaderWorkerSet(LenientResource, frozen=True, kw_only=True):
    """Groups of Pods; each group is one replica of a model server."""

    spec: LeaderWorkerSetSpec

    @property
    def leader(self) -> PodTemplateSpec:
        """The Pod that serves."""
        template = self.spec.leader_worker_template
        return template.leader_template or template.worker_template
