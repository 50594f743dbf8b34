"""One model of Ray Serve LLM: where its files are, and what changes where there is no GPU.

Engine arguments follow the table of ``local.cpu_settings``, which vLLM's own commands follow too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelyard.local.cpu_settings import CPU_TABLE, CpuRow
from modelyard.local.ray.changes import Draft, Note
from modelyard.local.replica_plan import Machine
from modelyard.local.spare_lora_slots import REASON, SLOTS
from modelyard.resources.serve_llm_config import LLMConfig

if TYPE_CHECKING:
    from modelyard.local.ray.adjustments import WeightsPaths

LONGEST_HEALTH_PERIOD = 60.0
"""Seconds. Ray finds a dead replica at its next health check only."""
_HEALTH_PERIOD, _HEALTH_TIMEOUT = 10, 30
_NO_GPU = "there is no GPU"
_ONE_DEVICE = "there is one CPU, not several GPUs"
_AUTO = -1
_SET_BY_RAY = ("--distributed-executor-backend",)
"""Ray Serve LLM overrules these: on a CPU the model always gets a process of its own (``mp``)."""


def set_model_source(model: LLMConfig, written: Draft, paths: WeightsPaths, note: Note) -> None:
    """The folder of this machine in place of a hub id, a bucket or a path of the image."""
    loading = written["model_loading_config"]
    source = model.model_loading_config.source
    folder = paths.of_model(source, model.model_id)
    if folder is None or folder == source:
        return
    was = "" if loading.get("model_source") is None else f" (was {source})"
    loading["model_source"] = folder
    note.add("model_source", f"{folder}{was}", "the files are on this machine")
    tokenizer = loading.get("tokenizer_source")
    if tokenizer is not None:
        place = paths.of_model(tokenizer, "")
        reason = "the tokenizer comes with the files"
        if place is None:
            note.drop(loading, "tokenizer_source", reason)
        else:
            note.set(loading, "tokenizer_source", place, "the files are on this machine")
    arguments = written.get("engine_kwargs") or {}
    if arguments.get("max_model_len", _AUTO) != _AUTO:
        note.set(
            arguments, "max_model_len", _AUTO, "these files have a context length of their own", place="engine_kwargs"
        )
    for name in ("revision", "tokenizer_revision", "code_revision", "hf_token"):
        note.drop(arguments, name, "the files are a folder, not the hub's", place="engine_kwargs")


def adjust_model_for_cpu(
    model: LLMConfig, written: Draft, machine: Machine, env: Mapping[str, str], note: Note
) -> None:
    """The model on this machine's CPU."""
    note.drop(written, "accelerator_type", _NO_GPU)
    note.set(written, "accelerator_config", {"kind": "cpu"}, "Ray reserves a GPU for each model otherwise")
    if model.wants_accelerator or model.devices > 1:
        note.drop(written, "placement_group_config", "it reserves GPUs, or places for several workers")
    _engine_arguments(written, machine, {**_variables(model), **env}, note)
    options = written.get("deployment_config")
    if options:
        _actor_options(options, note)
        _health(options, note)


def _variables(model: LLMConfig) -> dict[str, str]:
    variables = (model.runtime_env or {}).get("env_vars") or {}
    return {str(name): str(value) for name, value in variables.items()}


def _engine_arguments(written: Draft, machine: Machine, env: Mapping[str, str], note: Note) -> None:
    arguments: Draft = written.get("engine_kwargs") or {}
    for row in CPU_TABLE:
        if row.name.startswith("--") and not (row.action == "add flag" and row.name in _SET_BY_RAY):
            _apply(row, arguments, machine, env, note)
    _spare_slots(arguments, note)
    if "max_model_len" not in arguments:
        reason = "as many tokens as the small KV cache holds, where the model's own context is longer"
        note.set(arguments, "max_model_len", _AUTO, reason, place="engine_kwargs")
    written["engine_kwargs"] = arguments


def _spare_slots(arguments: Draft, note: Note) -> None:
    """See ``local.spare_lora_slots``; vLLM wants ``max_cpu_loras`` to be no less than ``max_loras``."""
    if not arguments.get("enable_lora"):
        return
    for name in ("max_loras", "max_cpu_loras"):
        given = arguments.get(name)
        missing = given is None and name == "max_cpu_loras"
        if not missing and not (isinstance(given, int) and given >= SLOTS):
            note.set(arguments, name, SLOTS, REASON, place="engine_kwargs")


def _apply(row: CpuRow, arguments: Draft, machine: Machine, env: Mapping[str, str], note: Note) -> None:
    name = _python_name(row.name)
    if row.action == "add flag":
        settled = any(other in env or _python_name(other) in arguments for other in row.unless)
        if name not in arguments and not settled:
            note.set(arguments, name, _typed(row.value(machine)), row.reason, place="engine_kwargs")
    elif name.endswith("_parallel_size"):
        if arguments.get(name, 1) != 1:
            note.set(arguments, name, 1, _ONE_DEVICE, place="engine_kwargs")
    else:
        note.drop(arguments, name, row.reason, place="engine_kwargs")


def _python_name(flag: str) -> str:
    return flag.lstrip("-").replace("-", "_")


def _typed(text: str) -> Any:
    """A flag's text as an argument of Python: a switch is true."""
    if not text:
        return True
    return int(text) if text.isdecimal() else text


def _actor_options(options: Draft, note: Note) -> None:
    actor = options.get("ray_actor_options") or {}
    for name in ("num_gpus", "accelerator_type"):
        if actor.get(name):
            note.drop(actor, name, _NO_GPU, place="ray_actor_options")


def _health(options: Draft, note: Note) -> None:
    period = options.get("health_check_period_s")
    if period is None or period <= LONGEST_HEALTH_PERIOD:
        return
    reason = f"a replica that died would be missed for {period:g} s; there is no long load to wait for here"
    note.set(options, "health_check_period_s", _HEALTH_PERIOD, reason, place="deployment_config")
    if (options.get("health_check_timeout_s") or 0) > LONGEST_HEALTH_PERIOD:
        note.set(options, "health_check_timeout_s", _HEALTH_TIMEOUT, reason, place="deployment_config")
