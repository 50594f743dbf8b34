"""Every file in the three packages is a policy, and the promised ones are there."""

from __future__ import annotations

import pkgutil
from types import ModuleType
from typing import Any

import pytest

from modelyard.picking import filters, pickers, scorers
from modelyard.picking.policy import Scorer
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS, _found

PROMISED = [
    "queue-scorer",
    "kv-cache-utilization-scorer",
    "running-requests-size-scorer",
    "active-request-scorer",
    "lora-affinity-scorer",
    "prefix-cache-scorer",
    "session-affinity-scorer",
    "label-selector-filter",
    "max-score-picker",
    "weighted-random-picker",
    "random-picker",
    "decode-filter",
    "prefill-filter",
    "encode-filter",
    "load-aware-scorer",
    "token-load-scorer",
    "no-hit-lru-scorer",
    "context-length-aware",
    "session-affinity-filter",
    "utilization-filter",
    "header-label-affinity-scorer",
]


@pytest.mark.parametrize("name", PROMISED)
def test_the_promised_policies_are_found(name: str) -> None:
    assert name in {**FILTERS, **SCORERS, **PICKERS}


@pytest.mark.parametrize(("package", "table"), [(filters, FILTERS), (scorers, SCORERS), (pickers, PICKERS)])
def test_one_file_is_one_policy(package: ModuleType, table: dict[str, type[Any]]) -> None:
    files = {f"{package.__name__}.{info.name}" for info in pkgutil.iter_modules(package.__path__)}
    modules = [policy.__module__ for policy in table.values()]
    assert sorted(modules) == sorted(files)


def test_a_type_that_is_defined_twice_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    from modelyard.picking.scorers import kv_cache_utilization, queue

    monkeypatch.setattr(kv_cache_utilization.KVCacheUtilizationScorer, "type", queue.QueueScorer.type)
    with pytest.raises(TypeError, match="queue-scorer is defined twice"):
        _found(scorers, Scorer)
