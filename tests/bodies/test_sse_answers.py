from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.facts import Usage
from modelyard.bodies.sse_answers import MAX_LINE_BYTES, SseObserver, SseRenamer

CHAT = (
    b'data: {"id":"c","model":"target","choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}\n\n'
    b": keep-alive\n\n"
    b'data: {"id":"c","model":"target","choices":[{"delta":{"content":"say \\"model\\":\\"target\\" \xc3\xa9"}}]}\n\n'
    b'data: {"id":"c","model":"target","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\n'
    b"data: [DONE]\n\n"
)
RESPONSES = (
    b"event: response.created\n"
    b'data: {"type":"response.created","response":{"id":"r","model":"target","usage":null}}\n\n'
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"hi"}\n\n'
    b'event: response.completed\ndata: {"type":"response.completed","response":{"output":[{"model":"n"}],'
    b'"model":"target","usage":{"input_tokens":3,"output_tokens":4,"input_tokens_details":{"cached_tokens":2}}}}\n\n'
)
ANTHROPIC = (
    b'event: message_start\r\ndata: {"type":"message_start","message":{"content":[],"model":"target",'
    b'"usage":{"input_tokens":3,"output_tokens":0}}}\r\n\r\n'
    b'event: ping\r\ndata: {"type":"ping"}\r\n\r\n'
    b"event: content_block_delta\r\n"
    b'data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"hi"}}\r\n\r\n'
    b'event: message_delta\r\ndata: {"type":"message_delta","usage":{"output_tokens":4}}\r\n\r\n'
)
STREAMS = {"chat": CHAT, "responses": RESPONSES, "anthropic": ANTHROPIC}
USAGES = {
    "chat": Usage(input_tokens=3, output_tokens=4),
    "responses": Usage(input_tokens=3, output_tokens=4, cached_tokens=2),
    "anthropic": Usage(input_tokens=3, output_tokens=4),
}


def renamed(name: str) -> bytes:
    """The stream as the client shall see it; ``target`` stands for the model where it is not quoted."""
    return STREAMS[name].replace(b'"model":"target"', b'"model":"client"')


@pytest.mark.parametrize("name", STREAMS)
def test_observes_without_change_at_every_split(name: str) -> None:
    stream = STREAMS[name]
    for cut in range(len(stream) + 1):
        observer = SseObserver()
        for chunk in (stream[:cut], stream[cut:]):
            assert observer.feed(chunk) is chunk
        assert observer.finish() == b""
        assert observer.usage == USAGES[name]
        assert observer.first_token_seen


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_observes_small_pieces(name: str, size: int) -> None:
    observer, renamer = SseObserver(), SseRenamer("client")
    result = b""
    for at in range(0, len(STREAMS[name]), size):
        observer.feed(STREAMS[name][at : at + size])
        result += renamer.feed(STREAMS[name][at : at + size])
    assert observer.usage == renamer.usage == USAGES[name]
    assert result + renamer.finish() == renamed(name)


@pytest.mark.parametrize("name", STREAMS)
def test_renames_at_every_split(name: str) -> None:
    stream = STREAMS[name]
    for cut in range(len(stream) + 1):
        renamer = SseRenamer("client")
        result = renamer.feed(stream[:cut]) + renamer.feed(stream[cut:]) + renamer.finish()
        assert result == renamed(name)
        assert renamer.usage == USAGES[name]


@pytest.mark.parametrize("name", STREAMS)
def test_renames_event_by_event(name: str) -> None:
    renamer = SseRenamer("client")
    events = [event + b"\n\n" for event in STREAMS[name].split(b"\n\n")[:-1]] * 3
    assert b"".join(map(renamer.feed, events)) == b"".join(events).replace(b'"model":"target"', b'"model":"client"')


def test_the_first_token_is_content_and_not_a_role() -> None:
    observer = SseObserver()
    events = CHAT.split(b"\n\n")
    observer.feed(events[0] + b"\n\n")
    assert not observer.first_token_seen
    observer.feed(events[2] + b"\n\n")
    assert observer.first_token_seen


@pytest.mark.parametrize(
    "member",
    [
        b'"text":"x"',
        b'"delta": "x"',
        b'"reasoning_content":"x"',
        b'"tool_calls":[{"index":0}]',
        b'"partial_json":"{"',
        b'"content":"\\n"',
    ],
)
def test_forms_of_a_first_token(member: bytes) -> None:
    observer = SseObserver()
    observer.feed(b"data: {" + member + b"}\n\n")
    assert observer.first_token_seen


def test_usage_at_the_end_of_an_overlong_event() -> None:
    output = json.dumps("z" * 5 * MAX_LINE_BYTES).encode()
    stream = (
        b'data: {"type":"response.completed","response":{"model":"target","output":[' + output + b"],"
        b'"usage":{"input_tokens":3,"output_tokens":4}}}\n\n'
    )
    for size in (1_000, 60_000, 1 << 20):
        observer, renamer = SseObserver(), SseRenamer("client")
        result, kept = b"", 0
        for at in range(0, len(stream), size):
            chunk = stream[at : at + size]
            assert observer.feed(chunk) is chunk
            result += renamer.feed(chunk)
            kept = max(kept, observer._line_bytes)
        assert result == stream.replace(b"target", b"client")
        assert observer.usage == renamer.usage == Usage(input_tokens=3, output_tokens=4)
        assert kept <= max(size, 2 * MAX_LINE_BYTES)


def test_a_stream_without_a_last_line_end() -> None:
    stream = CHAT.replace(b"data: [DONE]\n\n", b"").rstrip(b"\n")
    observer, renamer = SseObserver(), SseRenamer("client")
    observer.feed(stream)
    observer.finish()
    result = renamer.feed(stream) + renamer.finish()
    assert observer.usage == renamer.usage == USAGES["chat"]
    assert result == stream.replace(b'"model":"target"', b'"model":"client"')


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"\n\n\n",
        b"data\n\n",
        b"data:\n\n",
        b'data: {"model":3}\n\n',
        b'data: {"model":"cut\n\n',
        b'data: {"usage":{"prompt_tokens":"x"}}\n\n',
        b'event: x\nid: {"model":"target"}\n\n',
        b"\xff\x00" * 1_000,
        b'data: {"choices":[{"model":"target"}]}\n\n',
    ],
)
def test_what_is_no_such_event_passes(stream: bytes) -> None:
    renamer = SseRenamer("client")
    assert b"".join(renamer.feed(stream[at : at + 1]) for at in range(len(stream))) + renamer.finish() == stream
    assert renamer.usage is None


@settings(max_examples=150)
@given(cuts=st.lists(st.integers(0, 2_000), max_size=8), name=st.sampled_from(sorted(STREAMS)))
def test_any_split_gives_the_same(cuts: list[int], name: str) -> None:
    stream = STREAMS[name]
    points = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    renamer = SseRenamer("client")
    result = b"".join(renamer.feed(stream[a:b]) for a, b in pairwise(points))
    assert result + renamer.finish() == renamed(name)
    assert renamer.usage == USAGES[name]


def test_usage_of_events_that_run_together() -> None:
    observer = SseObserver()
    for chunk in (b"data: {}", b'data: {"usage":{"prompt_tokens":7,"completion_tokens":10}}\ndata: [DONE]', b""):
        assert observer.feed(chunk) == chunk
    observer.finish()
    assert observer.usage is not None
    assert (observer.usage.input_tokens, observer.usage.output_tokens) == (7, 10)


def test_usage_in_a_text_is_none() -> None:
    observer = SseObserver()
    observer.feed(b'data: {"text":"data: {\\"usage\\":{\\"prompt_tokens\\":7}}","usage":null}\n\n')
    assert observer.usage is None


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
@pytest.mark.parametrize("name", sorted(STREAMS))
def test_lines_may_end_in_a_carriage_return(name: str, size: int) -> None:
    """WHATWG HTML, section 9.2.5: LF, CRLF or CR alone."""
    stream = STREAMS[name].replace(b"\r\n", b"\n").replace(b"\n", b"\r")
    observer = SseObserver()
    for at in range(0, len(stream), size):
        observer.feed(stream[at : at + size])
    observer.finish()
    assert observer.usage == USAGES[name]
    assert observer.first_token_seen
