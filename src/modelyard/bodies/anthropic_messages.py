"""Anthropic Messages: ``POST /v1/messages`` and ``POST /v1/messages/count_tokens``."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, Count, JsonReader, JsonRequest, prompt_facts


class _Messages(JsonRequest, gc=False):
    tools: msgspec.Raw = ABSENT
    system: msgspec.Raw = ABSENT
    messages: msgspec.Raw = ABSENT
    stream: bool | None = None
    max_tokens: Count | None = None


class AnthropicMessages:
    """Reads Messages requests; their streams always carry usage. ``name`` tells the two paths apart."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader = JsonReader(_Messages)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        request, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(request.tools, request.system, request.messages)
        return RequestFacts(
            dialect=self.name,
            model=model,
            stream=request.stream is True,
            prompt=prompt,
            prompt_tokens=tokens,
            max_tokens=request.max_tokens,
            include_usage=True,
        )
