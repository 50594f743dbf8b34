"""Metrics pages in the names of several engines, all rendered from one simulated engine's state.

``DIALECTS`` maps ``SimSettings.metrics_dialect`` to the function that lists its families.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from modelyard.sim.engine import Engine
from modelyard.sim.expositions.families import Family, render
from modelyard.sim.expositions.ray import ray_families
from modelyard.sim.expositions.sglang import sglang_families
from modelyard.sim.expositions.tensorrt import triton_families, triton_trtllm_families, trtllm_families
from modelyard.sim.expositions.vllm import vllm_families, vllm_old_families

DIALECTS: Mapping[str, Callable[[Engine, float], list[Family]]] = {
    "vllm": vllm_families,
    "vllm-old": vllm_old_families,
    "ray": ray_families,
    "sglang": sglang_families,
    "trtllm": trtllm_families,
    "triton-trtllm": triton_trtllm_families,
    "triton": triton_families,
}


def metrics_page(engine: Engine, unix_offset: float) -> bytes:
    """The page of ``engine`` in the dialect of its settings.

    ``unix_offset`` turns the engine's times into Unix times (seconds). KeyError: the dialect is ``none``.
    """
    return render(DIALECTS[engine.settings.metrics_dialect](engine, unix_offset))
