from __future__ import annotations

import pytest

from modelyard.fleet.histogram import buckets, quantile
from modelyard.fleet.prometheus_text import MetricsPage

PAGE = b"""# TYPE t histogram
t_bucket{le="0.1",model_name="a"} 50
t_bucket{le="0.2",model_name="a"} 90
t_bucket{le="+Inf",model_name="a"} 100
t_bucket{le="0.1",model_name="b"} 0
t_bucket{le="0.2",model_name="b"} 0
t_bucket{le="+Inf",model_name="b"} 0
t_bucket{le="what",model_name="b"} 7
t_count{model_name="a"} 100
"""


def test_series_and_pages_are_added_up() -> None:
    pages = [MetricsPage(PAGE), MetricsPage(PAGE), MetricsPage(b"")]
    assert buckets(pages, "t") == {0.1: 100.0, 0.2: 180.0, float("inf"): 200.0}


@pytest.mark.parametrize(("share", "value"), [(0.25, 0.05), (0.5, 0.1), (0.7, 0.15), (0.9, 0.2), (0.99, 0.2)])
def test_quantiles_are_interpolated(share: float, value: float) -> None:
    assert quantile(buckets([MetricsPage(PAGE)], "t"), share) == pytest.approx(value)


def test_nothing_observed_has_no_quantile() -> None:
    assert quantile({}, 0.99) is None
    assert quantile({0.1: 0.0, float("inf"): 0.0}, 0.99) is None
