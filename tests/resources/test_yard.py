from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.resources.validation.formats import dns_label_1035
from modelyard.resources.yard import YardAdapter, YardModel, object_name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("demo-llama", "demo-llama"),
        ("meta-llama/Llama-3.1-8B", "meta-llama-llama-3-1-8b"),
        ("70b", "m-70b"),
        ("a--b_", "a-b"),
    ],
)
def test_names_become_kubernetes_names(model, name):
    assert object_name(model) == name


@given(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,40}", fullmatch=True))
def test_every_model_name_becomes_one(model):
    assert dns_label_1035(object_name(model)) is None


def test_a_model_serves_itself_and_its_adapters():
    adapter = YardAdapter(name="a", source="org/a")
    model = YardModel(name="m", source="org/m", adapters=(adapter,))
    assert model.served == (model, adapter)
    assert model.names == ("m", "a")
