"""What of a Serve configuration is changed to run it on this machine: one change, one reason, all shown.

Where there are GPUs enough for every model, only the places of weights change. Without GPUs, or with fewer than the
configuration asks for, the rules of ``llm_adjustments``, ``gpu_sharing`` and ``replica_fit`` apply. Everything that no
rule names stays as it is written, arguments of unknown applications included. Pure: nothing is looked up here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec

from modelyard.local.ray.adapter_bucket import (
    AdapterBucket,
    loads_adapters,
    set_adapter_path,
    set_bucket_variables,
)
from modelyard.local.ray.changes import Changes, Draft, Note
from modelyard.local.ray.gpu_sharing import share_gpus
from modelyard.local.ray.llm_adjustments import adjust_model_for_cpu, set_model_source
from modelyard.local.ray.packages import adjust_packages
from modelyard.local.ray.replica_fit import fit_replicas
from modelyard.local.replica_plan import AppliedSetting, Machine
from modelyard.resources.moving_code import moving_archive
from modelyard.resources.serve_config import ServeApplication, ServeConfig, ServeConfigReading
from modelyard.resources.serve_deployment import RayActorOptions
from modelyard.resources.serve_llm_config import LLMConfig

LEAST_LOGICAL_CPUS = 16
_SPARE_CPUS = 8
"""Deployments that only the application's code names."""
_ACCELERATOR = "accelerator_type:"


class WeightsPaths(Protocol):
    """Where files are on this machine. What it is asked for is what the applications need."""

    def of_model(self, source: str, model_id: str) -> str | None:
        """Folder of a model's or tokenizer's files; None: leave the source as it is written. ``model_id`` is another
        name of the same files, empty where there is none."""
        ...

    def of_code(self, address: str) -> str | None:
        """Folder with a copy of the code that is at ``address``, where the user named one. Raises ValueError, for
        people."""
        ...

    def of_text(self, text: str) -> str | None:
        """Folder for a text that may be anything: only one that says by its scheme that it is a source, or that the
        user named one for, has a folder."""
        ...


class RayHost(msgspec.Struct, frozen=True, kw_only=True):
    """The facts that the adjustments depend on."""

    machine: Machine
    gpus: int = 0
    """GPUs that this service may use."""
    memory_bytes: int = 0
    """Memory that the replicas of this service may take; 0: not known, nothing is cut."""
    packages: Mapping[str, str] = {}
    """Python packages beside this machine's Ray: name in lower case -> version."""
    env: Mapping[str, str] = {}
    """Environment of the cluster's processes, as far as it settles engine arguments."""
    adapters: AdapterBucket | None = None
    """The service's folder of the adapters' bucket; None: adapters stay where the configuration says."""


class ModelSource(msgspec.Struct, frozen=True, kw_only=True):
    """One model's files, as the configuration names them."""

    model_id: str
    source: str


class AdjustedServeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What is put to Serve, and what Ray must be told beside it."""

    config: Mapping[str, Any]
    settings: tuple[AppliedSetting, ...]
    """Every difference from ``serveConfigV2``, in order."""
    logical_cpus: int
    """At least this many for ``ray start --num-cpus``: a number that Ray counts with, not cores."""
    resources: Mapping[str, float]
    """Custom resources that the configuration reserves, for ``ray start --resources``."""


def model_sources(config: ServeConfig) -> tuple[ModelSource, ...]:
    """The files of every model of Ray Serve LLM, in order: what must be on this machine first."""
    return tuple(
        ModelSource(model_id=model.model_id, source=model.model_loading_config.source)
        for app in config.applications
        for model in _models(app)
    )


def adjust(reading: ServeConfigReading, host: RayHost, paths: WeightsPaths) -> AdjustedServeConfig:
    """``serveConfigV2`` as it runs on ``host``. The reading must be one without faults. Raises ValueError, for people,
    where an application's code cannot be had."""
    draft: Draft = _copied(reading.written)
    changes = Changes()
    config = reading.config or ServeConfig(applications=())
    asked = gpus_asked(config)
    for app, part in _applications(config, draft):
        for model, written in _written_models(app, part):
            note = changes.of(model.model_id)
            set_model_source(model, written, paths, note)
            if host.adapters is not None:
                set_adapter_path(model, written, host.adapters, note)
            if host.gpus == 0:
                adjust_model_for_cpu(model, written, host.machine, host.env, note)
        if host.adapters is not None and any(map(loads_adapters, _models(app))):
            set_bucket_variables(part, host.adapters, changes.of(app.name))
        _set_code(app, part, paths, changes.of(app.name))
        if not app.is_openai_app:
            _set_variables(part, paths, changes.of(app.name))
        if host.gpus == 0:
            _without_gpu_options(app, part, changes)
        adjust_packages(part, host.packages, changes.of(app.name))
    if host.gpus == 0:
        fit_replicas(_all_models(config, draft), host, changes)
    elif host.gpus < asked:
        share_gpus(_all_models(config, draft), host.gpus, changes)
    return AdjustedServeConfig(
        config=draft,
        settings=tuple(changes.settings),
        logical_cpus=_logical_cpus(config),
        resources=_resources(config, host.gpus),
    )


def gpus_asked(config: ServeConfig) -> float:
    """GPUs that the smallest number of replicas takes, as written."""
    total = 0.0
    for app in config.applications:
        for model in _models(app):
            total += model.devices * max(1, _least_replicas(model)) if model.wants_accelerator else 0
        for deployment in app.deployments:
            options = deployment.ray_actor_options or RayActorOptions()
            total += (options.num_gpus or 0) * _count(deployment.num_replicas)
    return total


def _models(app: ServeApplication) -> tuple[LLMConfig, ...]:
    args = app.llm_args
    return args.models if args is not None else ()


def _applications(config: ServeConfig, draft: Draft) -> Iterator[tuple[ServeApplication, Draft]]:
    yield from zip(config.applications, draft.get("applications", []), strict=True)


def _written_models(app: ServeApplication, part: Draft) -> Iterator[tuple[LLMConfig, Draft]]:
    """Each typed model with its plain mapping in the draft, which is changed in place."""
    args = app.llm_args
    listed = args.llm_configs if args is not None else ()
    for model, written in zip(listed, part["args"]["llm_configs"] if listed else (), strict=True):
        if isinstance(model, LLMConfig):
            yield model, written


def _all_models(config: ServeConfig, draft: Draft) -> list[tuple[LLMConfig, Draft]]:
    return [pair for app, part in _applications(config, draft) for pair in _written_models(app, part)]


def _set_code(app: ServeApplication, part: Draft, paths: WeightsPaths, note: Note) -> None:
    """Code that moves is not fetched and run: the user says where a copy of it is. Raises ValueError."""
    address = moving_archive(app)
    if not address:
        return
    folder = paths.of_code(address)
    if folder is None:
        raise ValueError(
            f"the code of application {app.name} is {address}, the archive of a branch, which may change at any "
            f"time and is not fetched here; say where a copy of it is: --source {address}=./FOLDER"
        )
    note.set(part["runtime_env"], "working_dir", folder, "a copy on this machine", place="runtime_env")


def _set_variables(part: Draft, paths: WeightsPaths, note: Note) -> None:
    """Variables of an application's own code that name a source of weights."""
    variables = (part.get("runtime_env") or {}).get("env_vars") or {}
    for name, value in variables.items():
        folder = paths.of_text(value) if isinstance(value, str) else None
        if folder is not None and folder != value:
            note.set(variables, name, folder, "the files are on this machine", place="runtime_env.env_vars")


def _without_gpu_options(app: ServeApplication, part: Draft, changes: Changes) -> None:
    """``deployments`` of an application: no GPU, no kind of GPU."""
    for written in part.get("deployments") or ():
        options = written.get("ray_actor_options") or {}
        note = changes.of(f"{app.name}.{written.get('name', '')}")
        for name in ("num_gpus", "accelerator_type"):
            if options.get(name):
                note.drop(options, name, "there is no GPU", place="ray_actor_options")


def _copied(value: Any) -> Any:
    """A deep copy in which what YAML aliases share is apart: a change of one model is not one of another."""
    if isinstance(value, Mapping):
        return {name: _copied(item) for name, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _logical_cpus(config: ServeConfig) -> int:
    """CPUs that Ray reserves when every deployment has its largest number of replicas."""
    total = 0.0
    for app in config.applications:
        for model in _models(app):
            total += (model.devices + 1) * _most_replicas(model)
        for deployment in app.deployments:
            options = deployment.ray_actor_options or RayActorOptions()
            cpus = 1.0 if options.num_cpus is None else options.num_cpus
            scaling = deployment.autoscaling_config
            total += cpus * (scaling.max_replicas if scaling else _count(deployment.num_replicas))
    return max(LEAST_LOGICAL_CPUS, math.ceil(total) + _SPARE_CPUS)


def _resources(config: ServeConfig, gpus: int) -> dict[str, float]:
    """Custom resources: kinds of GPU are declared where there are GPUs, whatever they are called really."""
    found: dict[str, float] = {}
    for app in config.applications:
        options = [deployment.ray_actor_options for deployment in app.deployments]
        for model in _models(app):
            options.append(model.deployment_config.ray_actor_options)
            if model.accelerator_type and gpus:
                found[_ACCELERATOR + model.accelerator_type] = float(gpus)
        for part in options:
            for name, amount in (part.resources if part else {}).items():
                found[name] = found.get(name, 0) + amount
            if part and part.accelerator_type and gpus:
                found[_ACCELERATOR + part.accelerator_type] = float(gpus)
    return found


def _least_replicas(model: LLMConfig) -> int:
    scaling = model.deployment_config.autoscaling_config
    return scaling.min_replicas if scaling else _count(model.deployment_config.num_replicas)


def _most_replicas(model: LLMConfig) -> int:
    scaling = model.deployment_config.autoscaling_config
    return scaling.max_replicas if scaling else _count(model.deployment_config.num_replicas)


def _count(replicas: int | str | None) -> int:
    return replicas if isinstance(replicas, int) else 1
