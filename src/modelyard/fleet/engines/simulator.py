"""Modelyard's own simulated model server, which speaks vLLM's API and metrics and says that it is
simulated."""

from __future__ import annotations

import msgspec

from modelyard.fleet.engine import Probe, Sign
from modelyard.fleet.engines import vllm

ENGINE = msgspec.structs.replace(
    vllm.ENGINE,
    name="simulator",
    aliases=("sim",),
    signs=(Sign(probe=Probe(path="/version"), contains=b'"simulated"'),),
    order=10,
)
