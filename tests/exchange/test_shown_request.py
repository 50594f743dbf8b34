from __future__ import annotations

from typing import Any

import pytest

from modelyard.exchange.commands import Picked
from modelyard.http1.message_heads import RequestHead

from .conftest import MANIFEST, POOL, Playbook, endpoint

CONFIG = """---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
plugins: [{type: queue-scorer}, {type: %s}]
requestHandler: {parsers: [{pluginRef: %s}]}
"""
BODY = b'{"model": "m", "prompt": "x"}'


@pytest.mark.parametrize(("parser", "model"), [("openai-parser", "m"), ("passthrough-parser", "hint")])
@pytest.mark.parametrize("step", ["on_request", "on_partial", "on_late_body", "on_shown_body"])
def test_bodies_are_read_where_a_parser_of_the_pool_reads_them(
    playbook: Any, parser: str, model: str, step: str
) -> None:
    book: Playbook = playbook(MANIFEST + CONFIG % (parser, parser))
    book.fleet({POOL: [endpoint("10.0.0.1:8000", "m", "hint")]})
    path = "/v1/completions"
    fields = {"content-type": "application/json", "x-gateway-model-name": "hint"}
    head = RequestHead("POST", path, path, "", 1, "", "", [], fields)
    request = book.gateway.open_picked(POOL, head, book.now, within=None, forged=(), most_endpoints=1)
    assert request is not None
    if step in ("on_late_body", "on_shown_body"):
        request.on_request(None, book.now)
    assert isinstance(getattr(request, step)(BODY, book.now), Picked)
    whole = step != "on_partial"
    assert request.facts.model == (None if whole and model == "hint" else model)
