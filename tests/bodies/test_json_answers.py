from __future__ import annotations

import json

import pytest

from modelyard.bodies.facts import Usage
from modelyard.bodies.json_answers import KEPT_BYTES, JsonObserver, JsonRenamer

SMALL = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "target",
        "choices": [{"message": {"content": 'say "model": "target"', "model": "target"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
    }
).encode()
LARGE = json.dumps(
    {
        "object": "list",
        "data": [{"embedding": [0.25] * 20_000}],
        "model": "target",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
    }
).encode()
FOLLOWED = json.dumps(
    {
        "model": "target",
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}},
        "prompt_logprobs": [{"1": {"logprob": -1.5, "rank": 1, "decoded_token": '"}'}}] * 900,
        "kv_transfer_params": None,
    }
).encode()
"""What vLLM writes after the usage may be longer than an answer is kept."""
USAGE = Usage(input_tokens=3, output_tokens=4, cached_tokens=2)


def pieces(text: bytes, size: int) -> list[bytes]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize(
    ("text", "size"),
    [(SMALL, 1), (SMALL, 7), (SMALL, 10_000), (LARGE, 1_000), (LARGE, 1 << 20), (FOLLOWED, 999), (FOLLOWED, 1 << 20)],
)
def test_observes_without_change(text: bytes, size: int) -> None:
    observer = JsonObserver()
    assert not observer.first_token_seen
    for chunk in pieces(text, size):
        assert observer.feed(chunk) is chunk
    assert observer.finish() == b""
    assert observer.usage == USAGE
    assert observer.first_token_seen
    assert not observer.changes_length


@pytest.mark.parametrize(
    ("text", "size"),
    [(SMALL, 1), (SMALL, 7), (SMALL, 10_000), (LARGE, 1_000), (LARGE, 1 << 20), (FOLLOWED, 999), (FOLLOWED, 1 << 20)],
)
def test_renames_the_top_level_model(text: bytes, size: int) -> None:
    observer = JsonRenamer('client "é"')
    result = b"".join(map(observer.feed, pieces(text, size))) + observer.finish()
    assert json.loads(result) == json.loads(text) | {"model": 'client "é"'}
    assert observer.usage == USAGE
    assert observer.changes_length


def test_renames_at_every_split() -> None:
    expected = json.loads(SMALL) | {"model": "client"}
    for cut in range(len(SMALL) + 1):
        observer = JsonRenamer("client")
        result = observer.feed(SMALL[:cut]) + observer.feed(SMALL[cut:]) + observer.finish()
        assert json.loads(result) == expected
        assert observer.usage == USAGE


@pytest.mark.parametrize("text", [b"", b"oops", b'{"error":{"message":"no"}}', b"\x00\xff" * 50_000, b'{"model":"cu'])
def test_what_is_not_such_an_answer_passes(text: bytes) -> None:
    observer = JsonRenamer("client")
    assert b"".join(map(observer.feed, pieces(text, 1_000))) + observer.finish() == text
    assert observer.usage is None


def test_memory_is_bounded() -> None:
    observer = JsonRenamer("client")
    kept = 0
    for _ in range(200):
        observer.feed(b"[0.1, 0.2, 0.3]," * 100)
        kept = max(kept, len(observer._kept))
    assert kept <= KEPT_BYTES
    assert observer._kept == b""
