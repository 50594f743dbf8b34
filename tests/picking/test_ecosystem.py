from __future__ import annotations

from modelyard.flow.plugins import FLOW_PLUGINS
from modelyard.picking.config import IMPLEMENTED
from modelyard.picking.ecosystem import INFRASTRUCTURE, NOT_IMPLEMENTED, PrefixProducerParameters
from modelyard.picking.prefix_index import PrefixSettings
from modelyard.picking.registry import FILTERS, PICKERS, SCORERS


def test_no_plugin_is_both_implemented_and_missing() -> None:
    assert not NOT_IMPLEMENTED & set(IMPLEMENTED)


def test_a_type_means_one_thing_save_for_filters_that_also_score() -> None:
    tables = [set(FILTERS) | set(SCORERS), set(PICKERS), set(INFRASTRUCTURE), set(FLOW_PLUGINS)]
    assert sum(len(table) for table in tables) == len(set.union(*tables))


def test_the_producers_defaults_are_the_indexs() -> None:
    assert PrefixProducerParameters().settings() == PrefixSettings()
