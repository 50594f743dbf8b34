from __future__ import annotations

import msgspec

from modelyard.telemetry.flow_metrics import STEP_BOUNDS, FlowRow
from modelyard.telemetry.objective_metrics import ObjectiveRow
from modelyard.telemetry.picker_rows import PickerRows, PickerTotals, PluginRow


def test_reports_add_up() -> None:
    """Over the wire, of two workers."""
    total = PickerTotals()
    for _ in range(2):
        rows = PickerRows(objectives=[ObjectiveRow("a", "b", {0: 1})], flows=[FlowRow("pool", 0, "x", "Dispatched")])
        rows.flows[0].queued.observe(2.0, (1.0,) * 16)
        rows.prefixes.count({(1024, 512): 3, (1024, 0): 1})
        rows.cycles.observe(0.5, STEP_BOUNDS)
        rows.plugins = [PluginRow("Scorer", "queue-scorer", "queues")]
        rows.plugins[0].seconds.observe(0.25, STEP_BOUNDS)
        total.add(msgspec.msgpack.decode(msgspec.msgpack.encode(rows), type=PickerRows))
    assert total.objectives["a", "b"].picked == {0: 2}
    assert total.flows["pool", 0, "x", "Dispatched"].queued.total == 4.0
    assert (total.prefixes.ratio.total, total.prefixes.size.total) == (3.0, 3072.0)
    assert total.prefixes.ratio.buckets[0] == 2
    assert total.cycles.buckets[-1] == 2
    assert total.plugins["Scorer", "queue-scorer", "queues"].seconds.total == 0.5
