"""The least picker is a correct one: otherwise it would be no measure."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.cases import chat_body
from benchmarks.envoy_frames import request_messages
from benchmarks.peers.minimal_picker import MinimalPicker, picked

ENDPOINT = "127.0.0.1:8000"
FIELD = "x-gateway-destination-endpoint"


def answers(picker: MinimalPicker, body: bytes) -> list[Any]:
    async def requests() -> AsyncIterator[Any]:
        for message in request_messages(body, served=ENDPOINT):
            yield message

    async def collect() -> list[Any]:
        return [answer async for answer in picker.Process(requests(), None)]

    return asyncio.run(collect())


def test_pick_is_in_a_header_and_in_metadata() -> None:
    answer = picked(ENDPOINT)
    (field,) = answer.request_body.response.header_mutation.set_headers
    assert (field.header.key, field.header.raw_value) == (FIELD, ENDPOINT.encode())
    assert answer.dynamic_metadata["envoy.lb"][FIELD] == ENDPOINT


def test_every_message_gets_its_answer() -> None:
    picker = MinimalPicker([ENDPOINT])
    phases = [answer.WhichOneof("response") for answer in answers(picker, chat_body(200))]
    assert phases == ["request_headers", "request_body", "response_headers"]
    assert picker.busy[ENDPOINT] == 0


def test_the_least_busy_endpoint_is_picked() -> None:
    picker = MinimalPicker(["127.0.0.1:1", "127.0.0.1:2"])
    picker.busy["127.0.0.1:1"] = 3
    answer = answers(picker, chat_body(200))[1]
    assert answer.dynamic_metadata["envoy.lb"][FIELD] == "127.0.0.1:2"


def test_a_body_that_is_no_json_is_refused() -> None:
    answer = answers(MinimalPicker([ENDPOINT]), b"{")[-1]
    assert answer.immediate_response.status.code == 400
