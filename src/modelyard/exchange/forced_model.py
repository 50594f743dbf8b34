"""The model that a request's header forces on it (Gateway API Inference Extension: "model name rewrite")."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.bodies.facts import BodyError
from modelyard.bodies.model_names import check_header_value
from modelyard.exchange.header_text import off_the_wire

REWRITE_HEADERS = ("x-llm-d-model-name-rewrite", "x-gateway-model-name-rewrite")
"""The current name, then the older one. A word between a gateway and its endpoint picker: Modelyard's own edges do not
take it from clients."""


def forced_model(by_name: Mapping[str, str]) -> str:
    """The name that the engine is to be asked for; empty: none, or none that could be a model's."""
    for header in REWRITE_HEADERS:
        value = by_name.get(header)
        if value:
            try:
                return check_header_value(off_the_wire(value), header)
            except BodyError:
                return ""
    return ""
