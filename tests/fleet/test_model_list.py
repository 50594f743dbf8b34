"""Reading ``/v1/models``."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.fleet.endpoints import ServedModel
from modelyard.fleet.model_list import MAX_MODELS, served_models


def test_base_and_adapters_as_vllm_lists_them() -> None:
    body = (
        b'{"object":"list","data":[{"id":"base","object":"model","created":1,"owned_by":"vllm","root":"/w/base",'
        b'"parent":null,"max_model_len":2048,"permission":[{"id":"modelperm-1"}]},'
        b'{"id":"sql","object":"model","created":1,"owned_by":"vllm","root":"/w/sql","parent":"base"}]}'
    )
    assert served_models(body) == (
        ServedModel(id="base", max_model_len=2048),
        ServedModel(id="sql", parent="base"),
    )


def test_odd_entries_are_left_out_and_the_first_of_a_name_stays() -> None:
    body = b'{"data":[1,null,{"id":7},{"id":""},{"id":"a","parent":"a"},{"id":"a","parent":"b"},{"name":"x"}]}'
    assert served_models(body) == (ServedModel(id="a"),)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"data":3}', b'{"data":null}', b"[" * 100_000])
def test_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError, match="not a model list"):
        served_models(body)


def test_deep_entries_do_not_break_it() -> None:
    deep = b'{"data":[' + b'{"id":' * 5000 + b"1" + b"}" * 5000 + b"]}"
    with contextlib.suppress(ValueError):
        assert served_models(deep) == ()


def test_the_list_is_bounded() -> None:
    body = msgspec.json.encode({"data": [{"id": str(n)} for n in range(MAX_MODELS + 5)]})
    assert len(served_models(body)) == MAX_MODELS


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_a_value_error(body: bytes) -> None:
    with contextlib.suppress(ValueError):
        served_models(body)
