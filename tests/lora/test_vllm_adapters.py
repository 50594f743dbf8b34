from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from modelyard.lora.engine_adapters import AdapterCallError
from modelyard.lora.engine_calls import EngineCalls
from modelyard.lora.plan import Held, Listing
from modelyard.lora.vllm_adapters import VllmAdapters


class Engine:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def call(self, method: str, path: str, seconds: float, body: Any = None) -> tuple[int, bytes]:
        return 200, self._body


def listing(body: bytes) -> Listing:
    return asyncio.run(VllmAdapters(cast("EngineCalls", Engine(body))).listing())


def test_what_has_a_parent_is_an_adapter() -> None:
    found = listing(b'{"data":[{"id":"m"},{"id":"a","parent":"m","root":"/a"}]}')
    assert found == Listing(base_models=("m",), adapters=(Held(engine_name="a", path="/a"),))


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"data":[{"id":"\xff"}]}', b'{"data":[],"x":' + b"[" * 100_000])
def test_an_answer_that_is_no_list_is_an_error_of_the_call(body: bytes) -> None:
    with pytest.raises(AdapterCallError, match="list of models"):
        listing(body)
