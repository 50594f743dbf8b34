"""Which adapters the models of a RayService should have, said by manifests and people, and what each cluster takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard.control.adapter_wishes import BY_HAND, HandMade
from modelyard.fleet.pod_endpoints import address_of
from modelyard.local.replica_plan import HUB_TOKENS
from modelyard.local.status import Phase, ReplicaStatus
from modelyard.lora.adapter import RayModel, ReplicaView
from modelyard.lora.adapter_config import BaseShape
from modelyard.lora.adapter_shelf import subfolder
from modelyard.lora.engine_limits import limits_of_keywords
from modelyard.lora.loopback_bucket import LoopbackBucket
from modelyard.lora.lora_config import Wanted
from modelyard.lora.ray_wanted import base_of, one_each, own_name, ray_adapters, ray_bases
from modelyard.lora.store import CONFIG
from modelyard.lora.wanted import DeploymentAdapters
from modelyard.resources.serve_config import OPENAI_BUILDERS
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.local.ray.ray_plan import RayServicePlan
    from modelyard.resources.ray_service import RayService
    from modelyard.resources.resource_set import ResourceSet

NO_PATH = (
    "its model loads no adapters; add lora_config: {dynamic_lora_loading_path: s3://BUCKET/FOLDER} and enable_lora: "
    "true in engine_kwargs (here Modelyard's own bucket stands in for any)"
)


class RayWish(msgspec.Struct, frozen=True, kw_only=True):
    """What all clusters of a RayService should have; ``base_model`` of each adapter is set."""

    adapters: DeploymentAdapters
    absent: frozenset[str] = frozenset()


def wants_bucket(resources: ResourceSet) -> bool:
    """Whether some model of a RayService loads adapters."""
    return any(base.path for service in resources.ray_services.values() for base in ray_bases(service))


def ray_wish(
    resources: ResourceSet,
    service: RayService,
    labels: Mapping[str, str],
    sources: SourceTable,
    *,
    by_hand: HandMade,
    before: RayWish | None,
) -> RayWish:
    """The wish. Where a ConfigMap cannot be read, what it said before stays, and the problem is told."""
    bases = ray_bases(service)
    in_folders = {base.path: _adapters_in(base.path, sources) for base in bases if base.path}
    found = ray_adapters(resources, service, labels, sources, in_folders)
    want, problems = list(found.want), list(found.problems)
    if found.unreadable and before is not None:
        known = {one.name for one in want}
        want += [one for one in before.adapters.want if one.name not in known and one.origin != BY_HAND]
        problems = [f"{problem}; what it said before stays in force" for problem in problems]
    want = [_placed(one, sources) for one in want if one.name not in {*by_hand.sources, *by_hand.absent}]
    asked = []
    for name, source in by_hand.sources.items():
        one = Wanted(name=name, source=source, origin=BY_HAND)
        base = base_of(one, bases)
        if base is None:
            problems.append(f"{BY_HAND}: {name} may be for any of several models; call it MODEL:{name}")
        else:
            asked.append(msgspec.structs.replace(one, base_model=base.model_id))
    kept, remarks = one_each((*asked, *want))
    adapters = msgspec.structs.replace(found, want=kept, problems=(*problems, *remarks))
    return RayWish(adapters=adapters, absent=found.absent | by_hand.absent)


def ray_views(
    plan: RayServicePlan,
    clusters: Iterable[ReplicaStatus],
    wish: RayWish,
    shape: Callable[[str], BaseShape],
) -> Iterator[ReplicaView]:
    """One view for each model of each cluster."""
    models = list(_models(plan.serve_config))
    for status in clusters:
        for prefix, model in models:
            name = model["model_loading_config"]["model_id"]
            address = address_of(status.address, status.ports[0].local)
            yield ReplicaView(
                key=status.key if len(models) == 1 else f"{status.key} {name}",
                url=f"http://{address}{prefix}",
                incarnation=f"{status.pid} {status.restarts}",
                up=status.pid is not None and status.phase in (Phase.STARTING, Phase.RUNNING),
                engine=status.engine,
                ray=RayModel(model_id=name, prefix=_bucket_prefix(model)),
                limits=limits_of_keywords(model.get("engine_kwargs") or {}, "" if _path(model) else NO_PATH),
                policy=wish.adapters.policy,
                want=tuple(one for one in wish.adapters.want if one.base_model == name),
                absent=wish.absent,
                base=shape(str(model["model_loading_config"].get("model_source") or name)),
            )


def require_base(service: RayService, name: str) -> None:
    """Raises ValueError, for people, where ``name`` does not say for which of the service's models it is."""
    bases = ray_bases(service)
    if base_of(Wanted(name=name, source=""), bases) is None:
        listed = ", ".join(f"{base.model_id}:{name}" for base in bases)
        raise ValueError(f"{name} may be for any of several models of {service.metadata.name}; say which: {listed}")


def hub_token(plan: RayServicePlan) -> str:
    """The hub's, where the manifest has one."""
    env = plan.cluster.env if plan.cluster is not None else {}
    return next((env[name] for name in HUB_TOKENS if env.get(name)), "")


def engine_side(view: ReplicaView, engine_name: str) -> str:
    """What requests must ask a replica for: ``base:adapter`` of Ray, else the engine's name."""
    if view.ray is None or not engine_name:
        return engine_name
    return f"{view.ray.model_id}:{subfolder(engine_name, view.ray.model_id)}"


def reported(view: ReplicaView, names: frozenset[str]) -> frozenset[str]:
    """Engine names of the versions that an engine's metrics call ``names``."""
    if view.ray is None:
        return names
    return names | {name.removeprefix(f"{view.ray.model_id}:") for name in names}


def _models(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(route prefix, configuration) of each model of Ray Serve LLM that is written in place. Arguments of other
    applications are their own affair, whatever they are called."""
    for app in config.get("applications") or ():
        if app.get("import_path") not in OPENAI_BUILDERS:
            continue
        prefix = str(app.get("route_prefix") or "").rstrip("/")
        for model in (app.get("args") or {}).get("llm_configs") or ():
            if isinstance(model, Mapping):
                yield prefix, model


def _path(model: Mapping[str, Any]) -> str:
    return str((model.get("lora_config") or {}).get("dynamic_lora_loading_path") or "")


def _bucket_prefix(model: Mapping[str, Any]) -> str:
    begin = f"{LoopbackBucket.path('')}/"
    path = _path(model)
    return path.removeprefix(begin) if path.startswith(begin) else ""


def _adapters_in(path: str, sources: SourceTable) -> list[str]:
    """Adapters in the folder that ``--source`` or ``sources`` give for a path; none where it gives none."""
    found = sources.find(path)
    if found is None or found.kind != "path":
        return []
    try:
        return sorted(place.name for place in Path(found.name).iterdir() if (place / CONFIG).is_file())
    except OSError:
        return []


def _placed(wanted: Wanted, sources: SourceTable) -> Wanted:
    """Where the user says it is, otherwise where it is written."""
    found = sources.find(wanted.source, wanted.name, own_name(wanted, wanted.base_model))
    return wanted if found is None else msgspec.structs.replace(wanted, source=str(found))
