from __future__ import annotations

import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.expositions import faulty

PAGE = b'# HELP g A gauge.\n# TYPE g gauge\ng{a="b c"} 1.0\ng{a="d"} 2.0\nh 3.0\n'


def test_no_value_is_left_as_it_was() -> None:
    page = faulty.not_numbers(PAGE).decode()
    values = [s.value for family in text_string_to_metric_families(page) for s in family.samples]
    assert len(values) == 3
    assert all(math.isnan(value) or math.isinf(value) or value < 0 for value in values)
    assert 'g{a="b c"} ' in page


def test_a_huge_page_is_valid_and_as_long_as_asked() -> None:
    page = b"".join(faulty.huge(PAGE, 100_000))
    assert len(page) >= 100_000
    assert page.endswith(PAGE)
    assert len(list(text_string_to_metric_families(page.decode()))) > 2


def test_garbage_is_no_metrics_page() -> None:
    with pytest.raises(ValueError, match="could not convert string to float"):
        list(text_string_to_metric_families(faulty.GARBAGE.decode("latin-1")))
