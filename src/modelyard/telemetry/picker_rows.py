"""Everything that a worker of an endpoint picker or a body-based router counts beside its request rows, and the sums of
all workers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from modelyard.telemetry.flow_metrics import STEP_BOUNDS, FlowRow
from modelyard.telemetry.histogram import Histogram
from modelyard.telemetry.objective_metrics import ObjectiveRow, joined

RATIO_BOUNDS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MATCH_BOUNDS = (0.0, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536)
"""Upper bounds of prefix matches: share of the prompt, and bytes."""


class PrefixMatches(msgspec.Struct, array_like=True):
    """How much of the prompts the picked endpoints were known to hold; prompts shorter than a block are in none."""

    ratio: Histogram = msgspec.field(default_factory=lambda: Histogram.over(RATIO_BOUNDS))
    size: Histogram = msgspec.field(default_factory=lambda: Histogram.over(MATCH_BOUNDS))

    def count(self, matches: Mapping[tuple[int, int], int]) -> None:
        """Count lookups by (bytes of the prompt's whole blocks, bytes that matched)."""
        for (whole, matched), times in matches.items():
            self.ratio.observe(matched / whole, RATIO_BOUNDS, times)
            self.size.observe(matched, MATCH_BOUNDS, times)

    def add(self, other: PrefixMatches) -> None:
        self.ratio.add(other.ratio)
        self.size.add(other.size)


class PluginRow(msgspec.Struct, array_like=True):
    """What one policy took, as far as it was timed."""

    point: str
    type: str
    name: str
    seconds: Histogram = msgspec.field(default_factory=lambda: Histogram.over(STEP_BOUNDS))

    @property
    def key(self) -> tuple[str, str, str]:
        return self.point, self.type, self.name


class RouterRows(msgspec.Struct):
    """What bodies gave a body-based router."""

    routed: int = 0
    """Requests with some header set from the body."""
    missing: dict[str, int] = {}
    """Bodies without a field, by field."""
    empty: dict[str, int] = {}
    """Bodies in which it is an empty text or null."""


class PickerRows(msgspec.Struct):
    """What one worker counted since its last report."""

    objectives: list[ObjectiveRow] = []
    flows: list[FlowRow] = []
    prefixes: PrefixMatches = msgspec.field(default_factory=PrefixMatches)
    plugins: list[PluginRow] = []
    cycles: Histogram = msgspec.field(default_factory=lambda: Histogram.over(STEP_BOUNDS))
    """Seconds of dispatch cycles: of ticks at which something waited in a queue."""
    failed_connections: dict[str, int] = {}
    """Connections that ended before a first call, by reason."""
    router: RouterRows = msgspec.field(default_factory=RouterRows)


class PickerTotals:
    """All workers together, since the control process began."""

    def __init__(self) -> None:
        self.objectives: dict[tuple[str, str], ObjectiveRow] = {}
        self.flows: dict[tuple[str, int, str, str], FlowRow] = {}
        self.prefixes = PrefixMatches()
        self.plugins: dict[tuple[str, str, str], PluginRow] = {}
        self.cycles = Histogram.over(STEP_BOUNDS)
        self.failed_connections: Counter[str] = Counter()
        self.routed = 0
        self.missing_fields: Counter[str] = Counter()
        self.empty_fields: Counter[str] = Counter()

    def add(self, rows: PickerRows) -> None:
        """Add a worker's report."""
        joined(rows.objectives, self.objectives)
        self._add_flows(rows.flows)
        self.prefixes.add(rows.prefixes)
        self.cycles.add(rows.cycles)
        self.failed_connections.update(rows.failed_connections)
        self.routed += rows.router.routed
        self.missing_fields.update(rows.router.missing)
        self.empty_fields.update(rows.router.empty)
        for row in rows.plugins:
            known = self.plugins.setdefault(row.key, row)
            if known is not row:
                known.seconds.add(row.seconds)

    def _add_flows(self, rows: Iterable[FlowRow]) -> None:
        for row in rows:
            known = self.flows.setdefault(row.key, row)
            if known is not row:
                known.add(row)
