from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from modelyard.sim.expositions.families import counter, gauge, histogram, render
from modelyard.sim.measurements import Histogram


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('\\"\n'), max_size=20))
def test_any_label_value_comes_back(value: str) -> None:
    page = render([gauge("g", "a gauge", {"name": value}, 1.5)]).decode()
    (family,) = text_string_to_metric_families(page)
    assert family.samples[0].labels == {"name": value}
    assert family.samples[0].value == 1.5


def test_a_counter_is_named_by_its_total() -> None:
    assert (
        render([counter("c", "a counter", {}, 2)]) == b"# HELP c_total a counter\n# TYPE c_total counter\nc_total 2.0\n"
    )


@given(st.lists(st.floats(0, 10), max_size=20))
def test_buckets_are_cumulated(values: list[float]) -> None:
    observed = Histogram((1.0, 5.0))
    for number in values:
        observed.observe(number)
    (family,) = text_string_to_metric_families(render([histogram("h", "a histogram", {}, observed)]).decode())
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name == "h_bucket"}
    assert buckets == {
        "1.0": sum(number <= 1 for number in values),
        "5.0": sum(number <= 5 for number in values),
        "+Inf": len(values),
    }
