"""What is added to or dropped from a vLLM command on a machine without a GPU: one table, shown to people.

With a GPU the manifest's command runs as it is written. A value that the manifest gives is never overruled
by an "add" row; "drop" rows name settings that mean a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.replica_plan import AppliedSetting, Machine

MIB = 1024 * 1024


class CpuRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table."""

    action: Literal["drop flag", "drop switch", "add flag", "drop variable", "add variable"]
    name: str
    reason: str
    value: Callable[[Machine], str] = lambda machine: ""
    """What is added; empty: a switch."""
    unless: tuple[str, ...] = ()
    """Other flags or variables that settle the same thing: where one is given, nothing is added."""
    only_if: str = ""
    """A variable is dropped only where its value contains this text."""
    unless_value: str = ""
    """A flag that has this value already is not dropped."""


def _kv_cache_bytes(machine: Machine) -> str:
    """1/32 of the memory, from 256 MiB to 4 GiB. vLLM takes all of it at once, and several replicas must
    fit."""
    return str(max(256, min(4096, machine.memory_bytes // 32 // MIB)) * MIB)


def _threads(machine: Machine) -> str:
    """Half of the cores: two busy replicas do not wait for each other at every OpenMP barrier."""
    return str(max(1, machine.cores // 2))


_IN_PROCESS = "uni"
_ONE_DEVICE = "there is one CPU, not several GPUs"

CPU_TABLE: tuple[CpuRow, ...] = (
    CpuRow(
        action="drop flag",
        name="--gpu-memory-utilization",
        reason="a share of GPU memory; here it would be a share of all memory for every replica",
    ),
    CpuRow(
        action="add flag",
        name="--kv-cache-memory-bytes",
        value=_kv_cache_bytes,
        unless=("VLLM_CPU_KVCACHE_SPACE",),
        reason="KV cache in memory, small enough for several replicas",
    ),
    CpuRow(action="drop flag", name="--tensor-parallel-size", reason=_ONE_DEVICE),
    CpuRow(action="drop flag", name="--pipeline-parallel-size", reason=_ONE_DEVICE),
    CpuRow(action="drop flag", name="--data-parallel-size", reason=_ONE_DEVICE),
    CpuRow(action="drop switch", name="--enable-expert-parallel", reason=_ONE_DEVICE),
    CpuRow(
        action="drop flag",
        name="--distributed-executor-backend",
        unless_value=_IN_PROCESS,
        reason=_ONE_DEVICE,
    ),
    CpuRow(action="drop flag", name="--device", reason="names a GPU; the CPU build serves from the CPU"),
    CpuRow(action="drop flag", name="--attention-backend", reason="names a GPU kernel"),
    CpuRow(action="drop flag", name="--kv-cache-dtype", reason="8-bit KV caches need GPU kernels"),
    CpuRow(action="drop flag", name="--swap-space", reason="the KV cache is already in memory"),
    CpuRow(action="drop flag", name="--cpu-offload-gb", reason="the weights are already in memory"),
    CpuRow(action="drop flag", name="--compilation-config", reason="compilation is off (--enforce-eager)"),
    CpuRow(
        action="add flag",
        name="--enforce-eager",
        reason="compiling needs a C++ compiler and minutes, and saves little on a CPU",
    ),
    CpuRow(
        action="add flag",
        name="--distributed-executor-backend",
        value=lambda machine: _IN_PROCESS,
        reason="the model runs in the engine's own process: a third less to load, half of the processor time",
    ),
    CpuRow(
        action="add variable",
        name="VLLM_ENABLE_V1_MULTIPROCESSING",
        value=lambda machine: "0",
        reason="else vLLM moves the model to a process of its own again, and both spin while they wait for each other",
    ),
    CpuRow(
        action="add flag",
        name="--max-num-seqs",
        value=lambda machine: "64",
        reason="vLLM's default batch is sized for a GPU; on a CPU each sequence would crawl",
    ),
    CpuRow(
        action="add variable",
        name="VLLM_CPU_OMP_THREADS_BIND",
        value=lambda machine: "nobind",
        reason="by itself every replica pins its threads to the same first cores",
    ),
    CpuRow(
        action="add variable",
        name="OMP_NUM_THREADS",
        value=_threads,
        reason="half of the cores per replica: threads of two replicas do not stall each other",
    ),
    CpuRow(
        action="drop variable",
        name="LD_LIBRARY_PATH",
        only_if="nvidia",
        reason="leads to NVIDIA's driver inside the image",
    ),
    CpuRow(action="drop variable", name="VLLM_ATTENTION_BACKEND", reason="names a GPU kernel"),
    CpuRow(action="drop variable", name="CUDA_VISIBLE_DEVICES", reason="there is no GPU"),
)


class CpuCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A command after the table was applied."""

    arguments: tuple[str, ...]
    env: Mapping[str, str]
    settings: tuple[AppliedSetting, ...]
    """The rows that changed something."""


def apply_cpu_table(arguments: tuple[str, ...], env: Mapping[str, str], machine: Machine) -> CpuCommand:
    """``arguments`` and ``env`` as they run without a GPU."""
    variables = dict(env)
    rows: list[AppliedSetting] = []
    for row in CPU_TABLE:
        changed = _apply_to_variables(row, arguments, variables, machine)
        if row.action.endswith(("flag", "switch")):
            arguments, changed = _apply_to_arguments(row, arguments, variables, machine)
        if changed:
            rows.append(AppliedSetting(setting=row.name, change=changed, reason=row.reason))
    return CpuCommand(arguments=arguments, env=variables, settings=tuple(rows))


def _apply_to_arguments(
    row: CpuRow, arguments: tuple[str, ...], env: Mapping[str, str], machine: Machine
) -> tuple[tuple[str, ...], str]:
    """The new arguments, and what changed; empty: nothing."""
    given = argv.values(arguments, row.name)
    if row.action == "add flag":
        if given is not None or _settled(row, arguments, env):
            return arguments, ""
        setting = row.value(machine)
        return argv.with_value(arguments, row.name, setting), f"added {setting}".strip()
    if given is None or (row.unless_value and given == [row.unless_value]):
        return arguments, ""
    was = f" (was {' '.join(given)})" if given and row.action == "drop flag" else ""
    return argv.without(arguments, row.name, takes_value=row.action == "drop flag"), f"dropped{was}"


def _apply_to_variables(row: CpuRow, arguments: tuple[str, ...], env: dict[str, str], machine: Machine) -> str:
    """Change ``env`` by one row; returns what changed, empty: nothing."""
    if row.action == "add variable" and row.name not in env and not _settled(row, arguments, env):
        env[row.name] = row.value(machine)
        return f"added {env[row.name]}"
    if row.action == "drop variable" and row.name in env and row.only_if in env[row.name]:
        return f"dropped (was {env.pop(row.name)})"
    return ""


def _settled(row: CpuRow, arguments: tuple[str, ...], env: Mapping[str, str]) -> bool:
    return any(name in env or argv.values(arguments, name) is not None for name in row.unless)
