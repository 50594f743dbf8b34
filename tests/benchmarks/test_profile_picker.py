"""The profiled path is a real one: Envoy's messages get the answers that Envoy gets."""

from __future__ import annotations

import uvloop
from benchmarks.cases import chat_body
from benchmarks.profile_picker import PICKER, ROUTER, Bench, layer_of

from modelyard.http2 import frames


def answers(which: str) -> tuple[list[bytes], Bench]:
    async def ask() -> tuple[list[bytes], Bench]:
        bench = Bench(which, 2, chat_body(200))
        bench.requests(3)
        return bench.answers(), bench

    return uvloop.run(ask())


def kinds(data: bytes) -> list[int]:
    """Of the frames in ``data``."""
    found, at = [], 0
    while at < len(data):
        found.append(data[at + 3])
        at += frames.HEAD_SIZE + int.from_bytes(data[at : at + 3], "big")
    return found


def test_picker_is_asked_three_times_and_picks() -> None:
    written, bench = answers(PICKER)
    assert [frames.DATA in kinds(each) for each in written] == [True, True, True]
    assert b"x-gateway-destination-endpoint" in written[1]
    assert b"127.9.1." in written[1]
    assert len(bench.picks) == 4
    assert bench.processor.held_bodies == 0


def test_router_is_asked_twice_and_names_the_model() -> None:
    written, _ = answers(ROUTER)
    assert [frames.DATA in kinds(each) for each in written] == [True, True]
    assert b"bench-model" in written[1]


def test_layers_are_packages() -> None:
    assert layer_of("http2/frames.py:FrameCutter.feed") == "http2"
    assert layer_of("/usr/lib/python3.11/json.py:loads") == "other"
    assert layer_of(".venv/lib/hpack.py:encode") == "other"
