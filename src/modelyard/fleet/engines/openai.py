"""Any other server with the OpenAI API and no metrics that are known here. Its model list is its health
check."""

from __future__ import annotations

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, Sign
from modelyard.fleet.prometheus_text import MetricsPage


def load(page: MetricsPage, at: float) -> EngineLoad | None:
    """Nothing: such a server is picked by the gateway's own in-flight counts."""
    return None


ENGINE = Engine(
    name="openai",
    signs=(
        Sign(probe=Probe(path="/v1/models"), contains=b'"object":"list"'),
        Sign(probe=Probe(path="/v1/models"), contains=b'"object": "list"'),
    ),
    health_path="/v1/models",
    load=load,
    order=90,
)
