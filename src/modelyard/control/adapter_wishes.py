"""What one Deployment's local replicas should have: manifests, the admin API's wishes, and where the files are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.model_files import ModelPlaces, ModelSources
from modelyard.lora.engine_limits import EngineLimits, limits_of
from modelyard.lora.lora_config import Wanted
from modelyard.lora.wanted import DeploymentAdapters, deployment_adapters, same_port
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.local.replica_plan import ReplicaPlan
    from modelyard.resources.apps import Deployment
    from modelyard.resources.resource_set import ResourceSet

BY_HAND = "modelyard lora"
"""Origin of what people asked for."""


class HandMade(msgspec.Struct, frozen=True, kw_only=True):
    """What people asked for through the admin API; it wins over the manifests until the yard ends."""

    sources: Mapping[str, str] = {}
    """Adapter -> source."""
    absent: frozenset[str] = frozenset()

    def wanting(self, name: str, source: str) -> HandMade:
        return HandMade(sources={**self.sources, name: source}, absent=self.absent - {name})

    def refusing(self, name: str) -> HandMade:
        kept = {key: value for key, value in self.sources.items() if key != name}
        return HandMade(sources=kept, absent=self.absent | {name})


class DeploymentWish(msgspec.Struct, frozen=True, kw_only=True):
    """What all replicas of a Deployment should have."""

    adapters: DeploymentAdapters
    by_hand: HandMade
    limits: EngineLimits
    sources: SourceTable
    model: str
    """The base model as the engine has it: a path, or a hub id."""
    api_key: str = ""

    def on(self, plan: ReplicaPlan) -> tuple[Wanted, ...]:
        """The wanted adapters with sources as this machine has them."""
        return tuple(self._placed(one, plan) for one in self._all())

    def _all(self) -> Iterator[Wanted]:
        for one in self.adapters.want:
            if one.name not in self.by_hand.sources and one.name not in self.by_hand.absent:
                yield one
        for name, source in self.by_hand.sources.items():
            yield Wanted(name=name, source=source, origin=BY_HAND)

    def _placed(self, wanted: Wanted, plan: ReplicaPlan) -> Wanted:
        """``--source`` and ``sources`` first; then a path of the container is where its volume is here. What is no
        source stays as it is, and is refused when it is fetched."""
        if wanted.origin == BY_HAND:
            return wanted
        places = ModelPlaces(ModelSources(table=self.sources, path_of=Path), plan.origins, plan.paths)
        try:
            place = places.place(wanted.source, wanted.name)
        except ValueError:
            return wanted
        return wanted if place is None else msgspec.structs.replace(wanted, source=place.source)


def wish_of(
    resources: ResourceSet,
    deployment: Deployment,
    plan: ReplicaPlan,
    sources: SourceTable,
    *,
    by_hand: HandMade,
    before: DeploymentWish | None,
) -> DeploymentWish:
    """The wish. Where a ConfigMap cannot be read, what it said before stays, and the problem is told."""
    base_models = frozenset(_served_names(plan.argv))
    adapters = deployment_adapters(resources, deployment, sources, base_models)
    if adapters.unreadable and before is not None and before.adapters.want:
        told = tuple(f"{problem}; what it said before stays in force" for problem in adapters.problems)
        adapters = msgspec.structs.replace(before.adapters, problems=told)
    return DeploymentWish(
        adapters=msgspec.structs.replace(adapters, problems=(*adapters.problems, *_remarks(adapters, plan))),
        by_hand=by_hand,
        limits=limits_of(plan.argv, plan.env),
        sources=sources,
        model=argv.value(plan.argv, "--model") or "",
        api_key=argv.value(plan.argv, "--api-key") or plan.env.get("VLLM_API_KEY", ""),
    )


def _remarks(adapters: DeploymentAdapters, plan: ReplicaPlan) -> Iterator[str]:
    serving = plan.ports[0].container
    if adapters.want and not same_port(adapters, serving):
        yield (
            f"ConfigMap {adapters.config_map}: port is {adapters.port}, the server of {plan.key} listens on {serving}; "
            "it is loaded there anyhow, on a cluster the syncer would not reach it"
        )


def _served_names(arguments: tuple[str, ...]) -> list[str]:
    return argv.values(arguments, "--served-model-name") or argv.values(arguments, "--model") or []
