"""Triton without the TensorRT-LLM backend.

It shows how many requests wait. ``nv_inference_exec_count``, which some pickers read as "running", counts
executions since the start, so nothing is reported as running here.
"""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign, count
from modelyard.fleet.prometheus_text import MetricsPage

METRICS = Probe(path="/metrics", port=8002)
"""Metrics of a server that is reached on its HTTP port."""
OPENAI_FRONTEND = Probe(path="/metrics")
"""Metrics of a server that is reached on its OpenAI frontend."""
HEALTH_PATH = "/v2/health/ready"
OPENAI_HEALTH_PATH = "/health/ready"


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """The load of all models of the server."""
    waiting = page.total("nv_inference_pending_request_count")
    if waiting is None:
        return None
    return EngineLoad(at=at, waiting=count(waiting))


ENGINE = Engine(
    name="triton",
    signs=(
        Sign(
            probe=OPENAI_FRONTEND,
            contains=b"\nnv_inference_",
            metrics=OPENAI_FRONTEND,
            health_path=OPENAI_HEALTH_PATH,
        ),
        Sign(probe=METRICS, contains=b"\nnv_inference_"),
        Sign(probe=Probe(path="/v2"), contains=b'"name":"triton"'),
    ),
    metrics=METRICS,
    wanted=("nv_inference_pending_request_count",),
    health_path=HEALTH_PATH,
    load=load,
)
