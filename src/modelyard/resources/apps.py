"""Deployment (``apps/v1``)."""

from __future__ import annotations

from typing import Literal

from modelyard.resources.bases import Lenient, LenientResource
from modelyard.resources.label_selector import LabelSelector
from modelyard.resources.pods import PodTemplateSpec


class RollingUpdate(Lenient, frozen=True, kw_only=True):
    """How many replicas may be missing or extra during an update: a number or a percentage."""

    max_unavailable: int | str = "25%"
    max_surge: int | str = "25%"


class DeploymentStrategy(Lenient, frozen=True, kw_only=True):
    """How replicas are replaced."""

    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class DeploymentSpec(Lenient, frozen=True, kw_only=True):
    """How many replicas of which Pod."""

    replicas: int = 1
    selector: LabelSelector
    template: PodTemplateSpec
    strategy: DeploymentStrategy = DeploymentStrategy()
    min_ready_seconds: int = 0
    progress_deadline_seconds: int = 600
    revision_history_limit: int = 10
    paused: bool = False


class Deployment(LenientResource, frozen=True, kw_only=True):
    """Replicas of a model server."""

    spec: DeploymentSpec
