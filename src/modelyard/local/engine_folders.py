"""Where an engine's temporary files and its caches go: the ones end with it, the others outlast it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from modelyard.local.replica_plan import AppliedSetting
from modelyard.local.temporary_folders import temporary_folder

TEMPORARY_VARIABLE, SOCKETS_VARIABLE = "TMPDIR", "VLLM_RPC_BASE_PATH"
KERNELS_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"
LONGEST_TEMPORARY = 60
"""Bytes. vLLM puts Unix sockets with names of some 40 characters there, and a socket's path holds 107."""


class EngineFolders(msgspec.Struct, frozen=True, kw_only=True):
    """What one engine's environment gets."""

    temporary: str = ""
    """To be made for it and removed after it; "": the manifest leads everything elsewhere."""
    variables: Mapping[str, str]
    settings: tuple[AppliedSetting, ...]


def plan_engine_folders(env: Mapping[str, str], directory: str, home: str, inherited: Collection[str]) -> EngineFolders:
    """For the engine that works in ``directory`` with ``env`` of its manifest, whose values win. ``inherited``: names
    of this machine's own variables."""
    folder = temporary_folder(directory, LONGEST_TEMPORARY)
    rows: list[tuple[str, str, str]] = []
    if TEMPORARY_VARIABLE not in env:
        rows.append((TEMPORARY_VARIABLE, folder, "temporary files go when the replica goes"))
    elif SOCKETS_VARIABLE not in env:
        rows.append((SOCKETS_VARIABLE, folder, "sockets go when the replica goes, and their paths stay short"))
    temporary = folder if rows else ""
    for name, place in lasting_caches(home, {*env, *inherited}).items():
        rows.append((name, place, "compiled kernels outlast the replica; by itself they are temporary files"))
    return EngineFolders(
        temporary=temporary,
        variables={name: place for name, place, _ in rows},
        settings=tuple(
            AppliedSetting(setting=f"env {name}", change=f"added {place}", reason=why) for name, place, why in rows
        ),
    )


def lasting_caches(home: str, known: Collection[str]) -> dict[str, str]:
    """Variables for caches that would lie among the temporary files, where nobody has set them. All others (vLLM's,
    Triton's, the hub's) lie in the user's cache folder by themselves."""
    return {} if KERNELS_VARIABLE in known else {KERNELS_VARIABLE: f"{home}/caches/torchinductor"}
