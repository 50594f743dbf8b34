"""What the plans of RayServices depend on besides the manifests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from modelyard.local.model_files import ONLY_FOLDERS, ModelSources
from modelyard.local.ray.adapter_bucket import AdapterBucket
from modelyard.local.replica_plan import Machine
from modelyard.resources.ray_service import RayService


class RayContext(msgspec.Struct, frozen=True, kw_only=True):
    """What plans depend on besides the manifests."""

    home: str
    machine: Machine
    python: str = ""
    """Interpreter of the Ray that runs clusters."""
    has_vllm: bool = False
    gpus: int = 0
    packages: Mapping[str, str] = {}
    """Python packages beside Ray: name in lower case -> version."""
    engine_problem: str = ""
    environment: frozenset[str] = frozenset()
    """Names of this machine's own environment variables; they stand in for Secrets that no manifest has."""
    adapters: AdapterBucket | None = None
    """Where models load adapters from; None: where the manifests say."""
    models: ModelSources = ONLY_FOLDERS
    """Where the models that manifests name are taken from."""
    folder_of: Callable[[RayService], str] = lambda service: ""
    """Where the relative paths of an object's file begin."""
