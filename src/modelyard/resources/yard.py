"""Yard (``modelyard.dev/v1alpha1``): the short form for people who do not want to write Kubernetes YAML.

``shortform`` expands it to the resources that it stands for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from modelyard.resources.bases import Strict, StrictResource

YARD_GROUP = "modelyard.dev"
RAY_SERVE = "ray-serve"
"""``engine`` of a model that becomes a RayService."""
Criticality = Literal["Critical", "Standard", "Sheddable"]


class YardAdapter(Strict, frozen=True, kw_only=True):
    """A LoRA adapter on a model."""

    name: str
    """What clients ask for."""
    source: str
    """As a model's."""
    criticality: Criticality | None = None
    """None counts as ``Standard``."""


class YardModel(Strict, frozen=True, kw_only=True):
    """A base model and how it is served."""

    name: str
    """What clients ask for."""
    source: str
    """Where its files are: ``demo://NAME``, a path (``./`` is the file's folder), a hub id ``ORG/NAME[@REVISION]``,
    ``gs://BUCKET/FOLDER`` or ``s3://BUCKET/FOLDER``."""
    replicas: int = 1
    """Model servers that serve it; 0 keeps the routes and runs none."""
    engine: Literal["vllm", "ray-serve"] = "vllm"
    """The model server: vLLM by itself, or Ray Serve LLM, which runs vLLM on a Ray cluster."""
    image: str | None = None
    """Container image on a cluster; None is the engine's own of the version that this one is tested with."""
    args: tuple[str, ...] = ()
    """Further arguments of the engine, for example ``--max-model-len=4096``; they win over what is set here."""
    adapters: tuple[YardAdapter, ...] = ()
    """Loaded from the start; at most 32."""
    criticality: Criticality | None = None
    """Who is served first, and who is refused first when it gets crowded; None counts as ``Standard``."""
    port: int = 8000
    """Port of each model server."""
    gpus: int = 1
    """GPUs that a replica has on each of its nodes, and the tensor parallel size where there are several; 0 asks for
    none."""
    nodes: int = 1
    """Nodes of a cluster that each replica spans, and the pipeline parallel size where there are several."""
    node_selector: Mapping[str, str] = {}
    """Labels of the nodes that it runs on in a cluster, for example ``cloud.google.com/gke-accelerator: nvidia-l4``;
    ``check`` knows GPUs and their memory by them."""

    @property
    def served(self) -> tuple[YardModel | YardAdapter, ...]:
        """What its servers have: itself, then its adapters."""
        return (self, *self.adapters)

    @property
    def names(self) -> tuple[str, ...]:
        """What clients can ask its servers for."""
        return tuple(item.name for item in self.served)

    @property
    def leader_service(self) -> str | None:
        """On a cluster, the Service of replicas that span nodes; None for others. The Service with the set's own name
        is the LeaderWorkerSet controller's: by it the Pods of a group find each other."""
        return f"{object_name(self.name)}-leader" if self.nodes > 1 and self.engine != RAY_SERVE else None


class YardRoute(Strict, frozen=True, kw_only=True):
    """A further name, shared out among models and adapters."""

    name: str
    """What clients ask for."""
    split: Mapping[str, int]
    """Name of a model or adapter of this Yard -> its weight. Share: weight over the sum; 0 gets nothing."""
    criticality: Criticality | None = None
    """Of requests that ask for this name; None counts as ``Standard``."""


class YardGateway(Strict, frozen=True, kw_only=True):
    """The address in front of everything."""

    port: int = 80
    """On this machine 80 is 8080 where this user may not bind it."""
    hostname: str | None = None
    """``models.example.com`` or ``*.example.com``; None takes all hosts."""
    class_name: str = "modelyard"
    """GatewayClass; on a cluster, that of the cluster's Gateway controller."""


class YardSpec(Strict, frozen=True, kw_only=True):
    """What is served."""

    models: tuple[YardModel, ...] = ()
    sources: Mapping[str, str] = {}
    """Where models that other manifests name are taken from on this machine: name, path or bucket there -> source.
    A Yard may have these alone."""
    routes: tuple[YardRoute, ...] = ()
    gateway: YardGateway = YardGateway()


class Yard(StrictResource, frozen=True, kw_only=True):
    """Models, adapters and their names in a few lines; stands for objects of the kinds above."""

    spec: YardSpec


def object_name(model: str) -> str:
    """The Kubernetes name of what a model, adapter or route becomes: ``meta/Llama-3.1`` -> ``meta-llama-3-1``."""
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")
    return name if name[:1].isalpha() else f"m-{name}".rstrip("-")
