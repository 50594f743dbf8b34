"""Metric names that an operator gives for model servers which export their load under other names than their engine."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from modelyard.fleet.endpoints import EngineLoad
from modelyard.fleet.engine import Engine, Probe, count, label_count, share
from modelyard.fleet.engines.vllm import running_and_waiting_loras
from modelyard.fleet.prometheus_text import MetricsPage

_SPEC = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(.*)\})?\s*")
_PAIR = re.compile(r"\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*(\"[^\"]*\"|[^\",=\s]+)\s*")


class MetricSpec(msgspec.Struct, frozen=True):
    """One metric, as flags of the reference implementation name it: ``name`` or ``name{label=value,...}``."""

    name: str
    labels: Mapping[str, str] = {}

    @staticmethod
    def of(text: str) -> MetricSpec:
        """Raises ValueError for anything else."""
        found = _SPEC.fullmatch(text)
        pairs = [_PAIR.fullmatch(part) for part in found[2].split(",")] if found and found[2] else []
        if found is None or None in pairs:
            raise ValueError(f"{text!r} is no metric: write NAME or NAME{{LABEL=VALUE,...}}")
        return MetricSpec(found[1], {pair[1]: pair[2].strip('"') for pair in pairs if pair})


class MetricNames(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics that are read; None: those of the engine."""

    queued: MetricSpec | None = None
    running: MetricSpec | None = None
    kv_usage: MetricSpec | None = None
    """A share from 0 to 1."""
    lora: MetricSpec | None = None
    """With vLLM's labels."""
    cache: MetricSpec | None = None
    """With vLLM's labels."""

    def given(self) -> list[MetricSpec]:
        """Those that are named."""
        specs = (self.queued, self.running, self.kv_usage, self.lora, self.cache)
        return [spec for spec in specs if spec is not None]


def read_by(engine: Engine, names: MetricNames) -> Engine:
    """``engine`` where the metrics that ``names`` names count instead of its own. What the page does not have under
    such a name is read as the engine shows it."""

    def load(page: MetricsPage, at: float) -> EngineLoad | None:
        return _renamed(engine.load(page, at), page, at, names)

    wanted = (*engine.wanted, *(spec.name for spec in names.given()))
    return msgspec.structs.replace(engine, load=load, wanted=wanted, metrics=engine.metrics or Probe(path="/metrics"))


def _renamed(own: EngineLoad | None, page: MetricsPage, at: float, names: MetricNames) -> EngineLoad | None:
    found: dict[str, object] = {}
    for field, spec in (("waiting", names.queued), ("running", names.running)):
        value = page.total(spec.name, **spec.labels) if spec is not None else None
        if value is not None:
            found[field] = count(value)
    usage = page.mean(names.kv_usage.name, **names.kv_usage.labels) if names.kv_usage is not None else None
    if usage is not None:
        found["kv_usage"] = share(usage)
    cache = page.newest(names.cache.name) if names.cache is not None else None
    if cache is not None:
        found |= {"block_size": label_count(cache, "block_size"), "num_blocks": label_count(cache, "num_gpu_blocks")}
    if names.lora is not None and page.newest(names.lora.name) is not None:
        most, running, waiting = running_and_waiting_loras(page, names.lora.name)
        found |= {"max_loras": most, "running_loras": running, "waiting_loras": waiting}
    if not found:
        return own
    return msgspec.structs.replace(own or EngineLoad(at=at), **found)
