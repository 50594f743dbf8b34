"""Bodies whose path does not tell their API."""

from __future__ import annotations

import pytest

from modelyard.bodies.any_api import AnyApi
from modelyard.bodies.facts import BodyError


def test_what_the_apis_have_in_common() -> None:
    facts = AnyApi().read(b'{"model": "m", "messages": [1], "stream": true, "max_tokens": 5}', "", "")
    assert (facts.model, facts.prompt, facts.stream, facts.max_tokens) == ("m", b"[1]", True, 5)
    assert AnyApi().read(b'{"model": "m", "prompt": "p"}', "", "").prompt == b'"p"'
    assert AnyApi().read(b'{"input": "p"}', "", "").model is None


@pytest.mark.parametrize("body", [b"", b"[]", b"text", b'{"model": 5}', b'{"model": "a", "model": "b"}'])
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(BodyError):
        AnyApi().read(body, "", "")
