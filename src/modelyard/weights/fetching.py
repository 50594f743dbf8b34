"""Bringing weights here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.errors import WeightsError
from modelyard.weights.fetched import FetchedWeights
from modelyard.weights.limits import ADAPTER_LIMITS, MODEL_LIMITS, FetchLimits
from modelyard.weights.progress import Progress

__all__ = ["ADAPTER_LIMITS", "MODEL_LIMITS", "FetchLimits", "FetchedWeights", "Progress", "WeightsError", "fetch"]


def _silent(progress: Progress) -> None:
    """Says nothing."""


def fetch(
    source: WeightsSource,
    root: Path,
    *,
    token: str | None = None,
    progress: Callable[[Progress], None] = _silent,
    limits: FetchLimits = MODEL_LIMITS,
    update: bool = False,
) -> FetchedWeights:
    """The weights, in ``root / source.folder``, whole and verified; a path is checked and used where it is.

    Blocks, for hours where the model is large. Weights that are there already are taken as they are, without asking
    anybody, unless ``update``: then the source is asked for its current revision. Two processes that want the same
    weights fetch them once; a killed one is resumed by the next.

    ``token``: for the hub; None: ``HF_TOKEN`` or the hub's own login. ``progress`` is called in the calling thread, a
    few times a second; what it raises ends the fetch (what is there so far is kept) and comes out here.

    Raises :class:`WeightsError`.
    """
    raise WeightsError("not yet")
