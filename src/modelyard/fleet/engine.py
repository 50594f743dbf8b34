"""What a file in ``fleet.engines`` declares about one engine (model server software)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.prometheus_text import MetricsPage, Series


class Probe(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One GET that helps to tell engines apart."""

    path: str
    port: int = 0
    """0: the serving port."""


class Sign(msgspec.Struct, frozen=True, kw_only=True):
    """An answer by which an engine gives itself away."""

    probe: Probe
    contains: bytes
    """Bytes that the body holds, and no other engine's answer to the same probe holds."""
    whole: bool = False
    """The body is exactly ``contains`` (white space aside), not merely holds it."""
    metrics: Probe | None = None
    """Where the load is read when this sign was seen; None: the engine's default."""
    health_path: str = ""
    """Health path when this sign was seen; empty: the engine's default."""

    def seen_in(self, body: bytes) -> bool:
        return body.strip() == self.contains if self.whole else self.contains in body


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """One engine: where it shows its load and health, how it is recognised, and what its metrics mean."""

    name: str
    """Lower case, as written in the ``llm-d.ai/engine-type`` label."""
    aliases: tuple[str, ...] = ()
    """Other spellings of the name that labels use."""
    signs: tuple[Sign, ...]
    metrics: Probe | None = None
    """Where the load is read; None: the engine exports none."""
    wanted: tuple[str, ...] = ()
    """Metric names that ``load`` reads."""
    specs: Mapping[str, tuple[str, ...]] = {}
    """The same as ``engineConfigs`` of the reference picker's configuration name them: field -> what it may say and be
    right; the first one is usual."""
    filter_path: str = ""
    """Path that takes ``?name[]=`` and answers with the wanted metrics only; empty: there is none. It
    spares the engine more work than the gateway; where it does not answer as hoped, the whole page is read.
    """
    period: float = 0.0
    """Seconds between two changes of the page, where it is known: reading it more often tells nothing new."""
    timeout: float = 0.0
    """Seconds that the page may take where the engine needs longer than others for it."""
    health_path: str = "/health"
    """Answers 2xx when the engine can serve."""
    load: Callable[[MetricsPage, float], EngineLoad | None]
    """The reading of a page at a time; None where the page shows nothing of this engine."""
    order: int = 50
    """Recognition order, small first: an engine whose page contains another's signs comes before it."""

    @property
    def filtered(self) -> Probe | None:
        """The wanted metrics only, where the engine offers that on the port of its page."""
        if not self.filter_path or self.metrics is None:
            return None
        names = "&".join(f"name%5B%5D={name}" for name in self.wanted)
        return Probe(path=f"{self.filter_path}?{names}", port=self.metrics.port)


def count(value: float | None) -> int:
    """A count out of a sample; 0 for a missing one or one that no server can mean."""
    return int(value) if value is not None and 0 <= value < 1e9 else 0


def share(value: float | None) -> float:
    """A share from 0 to 1 out of a sample; out-of-range values are cut, a missing one is 0."""
    return min(max(value, 0.0), 1.0) if value is not None else 0.0


def label_count(series: Series | None, label: str) -> int:
    """The count in a label of an ``_info`` metric; 0 where it holds none."""
    text = series.label(label) if series is not None else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
