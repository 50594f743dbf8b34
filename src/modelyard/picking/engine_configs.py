"""``core-metrics-extractor``: which metrics are read of which engine.

Engines are recognised by what they export, and their metrics are built in. So a config may name an engine and its
metrics as they are built in; one that asks for others is refused, with what is read instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from modelyard.fleet.engine import Engine
from modelyard.fleet.engines import ENGINES, named
from modelyard.fleet.metric_names import MetricSpec
from modelyard.picking.policy import Parameters
from modelyard.resources.errors import nearest, shown


class EngineConfigParameters(Parameters, frozen=True, kw_only=True):
    """One engine's metrics. Empty: not named."""

    name: str
    """The engine, as labels of Pods name it. A name that is not known here stands for the engine whose metrics these
    are."""
    queued_requests_spec: str = ""
    """Waiting requests; this and the others are taken where they are what is read anyway."""
    running_requests_spec: str = ""
    """Running requests."""
    kv_usage_spec: str = msgspec.field(default="", name="kvUsageSpec")
    """Share of the KV cache in use."""
    lora_spec: str = msgspec.field(default="", name="loraSpec")
    """LoRA adapters."""
    cache_info_spec: str = ""
    """Labels with the cache's size."""
    cache_block_size_label_name: str = ""
    """Of these, the tokens of a block."""
    cache_num_blocks_label_name: str = ""
    """Of these, the number of blocks."""
    cache_block_size_spec: str = ""
    """Tokens of a block, where a metric of its own says it."""
    cache_num_blocks_spec: str = ""
    """Number of blocks, where a metric of its own says it."""

    def __post_init__(self) -> None:
        engine = named(self.name)
        if engine is None or not engine.specs:
            self._require_built_in()
            return
        for field, text in self._given().items():
            if not _reads(engine, field, text):
                read = engine.specs.get(field, ())
                raise ValueError(
                    f"{field} {shown(text)} is not what is read of {engine.name}"
                    f" ({read[0] if read else 'nothing'}), and other metrics are not taken from here"
                )

    def _given(self) -> Mapping[str, str]:
        names = {field.name: field.encode_name for field in msgspec.structs.fields(self)}
        found = {encoded: str(getattr(self, own)) for own, encoded in names.items() if own != "name"}
        return {field: text for field, text in found.items() if text}

    def _require_built_in(self) -> None:
        given = self._given()
        if not any(all(_reads(engine, *item) for item in given.items()) for engine in ENGINES if engine.specs):
            known = ", ".join(engine.name for engine in ENGINES if engine.specs)
            raise ValueError(
                f"engine {shown(self.name)} is not known here, and its metrics are none that are read ({known} are"
                " built in)"
            )


def _reads(engine: Engine, field: str, text: str) -> bool:
    if field.endswith("LabelName"):
        return text in engine.specs.get(field, ())
    return any(MetricSpec.of(text) == MetricSpec.of(own) for own in engine.specs.get(field, ()))


class ExtractorParameters(Parameters, frozen=True, kw_only=True):
    """Parameters of ``core-metrics-extractor``."""

    engine_label_key: Literal["llm-d.ai/engine-type", "inference.networking.k8s.io/engine-type"] = (
        "llm-d.ai/engine-type"
    )
    """Both labels are read."""
    default_engine: str = "vllm"
    """An engine that is known here, or one of ``engineConfigs``. No effect: an endpoint without a label has the engine
    that it is recognised as."""
    engine_configs: tuple[EngineConfigParameters, ...] = ()
    """Engines with their metrics, where these are the ones that are built in."""

    def __post_init__(self) -> None:
        known = [*(engine.name for engine in ENGINES), *(config.name for config in self.engine_configs)]
        if self.default_engine and self.default_engine not in known and named(self.default_engine) is None:
            guess = nearest(self.default_engine, known)
            raise ValueError(
                f"defaultEngine {shown(self.default_engine)} is no engine that is known here"
                + (f"; did you mean {guess!r}?" if guess else "")
                + f"; allowed: {', '.join(sorted(known))}"
            )
