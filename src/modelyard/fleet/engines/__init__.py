"""The engines that are known, one file each. A new engine is a new file here with an ``ENGINE``; no list is
edited.

Recognition asks the questions of ``probes()`` in order and gives each answer to ``recognise``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from modelyard.fleet.engine import Engine, Probe, Sign

LABELS = ("llm-d.ai/engine-type", "inference.networking.k8s.io/engine-type")
"""Labels of a Pod that name its engine, the first one present counts."""


def _discovered() -> tuple[Engine, ...]:
    modules = (importlib.import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__))
    engines: list[Engine] = [module.ENGINE for module in modules]
    return tuple(sorted(engines, key=lambda engine: (engine.order, engine.name)))


ENGINES: tuple[Engine, ...] = _discovered()
"""Every engine, in the order of recognition."""
_BY_NAME = {name: engine for engine in ENGINES for name in (engine.name, *engine.aliases)}


def named(name: str) -> Engine | None:
    """The engine of this name or alias, in any case; None for an unknown one."""
    return _BY_NAME.get(name.strip().lower())


def labelled(labels: Mapping[str, str]) -> str:
    """The engine's name as a Pod's labels give it; empty where no label names a known one."""
    for label in LABELS:
        engine = named(labels.get(label, ""))
        if engine is not None:
            return engine.name
    return ""


_PROBES = tuple(dict.fromkeys(sign.probe for engine in ENGINES for sign in engine.signs))


def probes() -> tuple[Probe, ...]:
    """The questions that tell engines apart, in the order of asking."""
    return _PROBES


def recognise(probe: Probe, body: bytes) -> tuple[Engine, Sign] | None:
    """The first engine one of whose signs is in the answer to ``probe``."""
    text = b"\n" + body
    for engine in ENGINES:
        for sign in engine.signs:
            if sign.probe == probe and sign.seen_in(text):
                return engine, sign
    return None
