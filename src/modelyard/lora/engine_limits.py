"""What an engine was started with, as far as adapters are concerned: its flags and environment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

DEFAULT_RANK = 16
"""vLLM's ``--max-lora-rank`` where it is not given."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that vLLM takes for ``--max-lora-rank``."""
RUNTIME_UPDATING = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
_TRUE = ("1", "true")
"""What vLLM takes for a set switch, in lower case."""


class EngineLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one engine. None: not known (a server that somebody else started)."""

    enabled: bool = True
    """``--enable-lora``."""
    runtime_updating: bool = True
    """``VLLM_ALLOW_RUNTIME_LORA_UPDATING``."""
    max_loras: int | None = None
    """Different adapters in one batch."""
    max_cpu_loras: int | None = None
    """Adapters that the engine keeps in memory; others it reads again when they are asked for."""
    max_rank: int | None = None
    target_modules: tuple[str, ...] = ()
    """``--lora-target-modules``; empty: all that the engine supports."""
    missing: str = ""
    """What else keeps adapters from being loaded, and what to do; for people."""
    keywords: bool = False
    """Its options are ``engine_kwargs`` of Ray Serve LLM, not flags."""

    @property
    def problem(self) -> str:
        """Why nothing can be loaded while it runs, and what to set; empty: it can."""
        if self.missing:
            return self.missing
        missing = [] if self.enabled else ["--enable-lora in its arguments"]
        if not self.runtime_updating:
            missing.append(f"{RUNTIME_UPDATING}=true in its environment")
        return f"the engine was started without {' and '.join(missing)}; add what is missing" if missing else ""

    def option(self, flag: str, value: int) -> str:
        """How to give it an option, for people."""
        return f"{keyword(flag)}: {value} in engine_kwargs" if self.keywords else f"{flag}={value}"


def keyword(flag: str) -> str:
    """A flag's name in ``engine_kwargs``."""
    return flag.lstrip("-").replace("-", "_")


def limits_of_keywords(arguments: Mapping[str, Any], missing: str = "") -> EngineLimits:
    """The limits of a model of Ray Serve LLM with these ``engine_kwargs``; ``missing``: see there."""

    def number(flag: str, default: int) -> int:
        given = arguments.get(keyword(flag))
        return given if isinstance(given, int) else default

    max_loras = number("--max-loras", 1)
    modules = arguments.get("lora_target_modules")
    if not arguments.get("enable_lora"):
        missing = missing or "its model was configured without adapters; add enable_lora: true to engine_kwargs"
    return EngineLimits(
        max_loras=max_loras,
        max_cpu_loras=number("--max-cpu-loras", max_loras),
        max_rank=number("--max-lora-rank", DEFAULT_RANK),
        target_modules=tuple(map(str, modules)) if isinstance(modules, list | tuple) else (),
        missing=missing,
        keywords=True,
    )


def limits_of(arguments: Sequence[str], environment: Mapping[str, str]) -> EngineLimits:
    """The limits of a vLLM with these arguments and this environment."""
    options = _options(arguments)
    max_loras = _number(options, "--max-loras", 1)
    return EngineLimits(
        enabled="--enable-lora" in options,
        runtime_updating=environment.get(RUNTIME_UPDATING, "").strip().lower() in _TRUE,
        max_loras=max_loras,
        max_cpu_loras=_number(options, "--max-cpu-loras", max_loras),
        max_rank=_number(options, "--max-lora-rank", DEFAULT_RANK),
        target_modules=tuple(options.get("--lora-target-modules", ())),
    )


def rank_to_ask_for(rank: int) -> int | None:
    """The smallest ``--max-lora-rank`` that takes an adapter of ``rank``; None: there is none."""
    return next((size for size in RANKS if size >= rank), None)


def _options(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Flag -> values; the last of two wins, underscores are hyphens, ``--no-x`` takes ``--x`` away (argparse)."""
    options: dict[str, list[str]] = {}
    current: list[str] = []
    for word in arguments:
        if not word.startswith("--"):
            current.append(word)
            continue
        flag, equals, value = word.partition("=")
        flag = flag.replace("_", "-")
        current = [value] if equals else []
        if flag.startswith("--no-"):
            options.pop(f"--{flag.removeprefix('--no-')}", None)
        else:
            options[flag] = current
    return options


def _number(options: Mapping[str, list[str]], flag: str, default: int) -> int:
    given = options.get(flag) or [""]
    return int(given[0]) if given[0].isdecimal() and len(given[0]) < 10 else default
