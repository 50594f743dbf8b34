"""``--edge``: what takes the clients' requests."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from modelyard.cli.output import fail
from modelyard.local.envoy import ENVOY_VARIABLE, Envoy, find_envoy


class Edge(StrEnum):
    """``--edge``."""

    MODELYARD = "modelyard"
    ENVOY = "envoy"


EdgeOption = Annotated[
    Edge,
    typer.Option("--edge", help="What takes clients' requests: modelyard itself, or envoy, which asks modelyard."),
]


def edge_envoy(edge: Edge) -> Envoy | None:
    """The Envoy to run; None: none is wanted. Ends with what to do where there is none."""
    if edge is Edge.MODELYARD:
        return None
    found = find_envoy()
    if found is None:
        fail(
            "there is no Envoy 1.40 or newer on this machine.",
            next_step=f"Install it with: modelyard engines install envoy (or set {ENVOY_VARIABLE} to the path of one).",
        )
    return found
