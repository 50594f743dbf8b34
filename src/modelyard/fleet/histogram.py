"""Quantiles of a Prometheus histogram over several pages, as ``histogram_quantile`` computes them."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.fleet.prometheus_text import MetricsPage

_LIMITLESS = ("+Inf", "Inf", "inf")


def buckets(pages: Iterable[MetricsPage], name: str) -> dict[float, float]:
    """Upper limit -> observations up to it, all series and pages together."""
    found: dict[float, float] = {}
    for page in pages:
        for series in page.series(f"{name}_bucket"):
            text = series.label("le")
            try:
                limit = float("inf") if text in _LIMITLESS else float(text)
            except ValueError:
                continue
            found[limit] = found.get(limit, 0.0) + series.value
    return found


def quantile(counts: dict[float, float], share: float) -> float | None:
    """The value that ``share`` (0 to 1) of the observations do not exceed, interpolated within its bucket; above the
    last limit that limit itself. None: nothing was observed."""
    limits = sorted(counts)
    total = counts[limits[-1]] if limits else 0.0
    if total <= 0:
        return None
    below, lower = 0.0, 0.0
    for limit in limits:
        count = counts[limit]
        if count >= share * total:
            if limit == float("inf"):
                return lower
            inside = count - below
            return lower + (limit - lower) * ((share * total - below) / inside if inside > 0 else 1.0)
        below, lower = count, limit
    return lower
