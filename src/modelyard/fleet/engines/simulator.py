"""Modelyard's own simulated model server. It speaks vLLM's API and any engine's metrics, and says that it is
simulated.
"""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign
from modelyard.fleet.engines import ray_serve, sglang, triton, triton_tensorrt_llm, trtllm_serve, vllm
from modelyard.fleet.prometheus_text import MetricsPage

_DIALECTS = (vllm, sglang, trtllm_serve, triton_tensorrt_llm, triton, ray_serve)


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load in the dialect that the server was told to speak."""
    return next((load for load in (dialect.load(page, at) for dialect in _DIALECTS) if load is not None), None)


ENGINE = Engine(
    name="simulator",
    aliases=("sim",),
    signs=(Sign(probe=Probe(path="/version"), contains=b'"simulated"'),),
    metrics=vllm.ENGINE.metrics,
    wanted=tuple(name for dialect in _DIALECTS for name in dialect.ENGINE.wanted),
    load=load,
    order=10,
)
