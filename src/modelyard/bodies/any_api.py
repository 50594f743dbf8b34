"""A body whose path does not tell its API: a JSON object that names a model, and a prompt in one of the usual fields.

For the endpoint picker, which another gateway asks: that gateway may route by a path of its own, or show none.
"""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, Count, JsonReader, JsonRequest, prompt_facts


class _Any(JsonRequest, gc=False):
    tools: msgspec.Raw = ABSENT
    system: msgspec.Raw = ABSENT
    messages: msgspec.Raw = ABSENT
    prompt: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    stream: bool | None = None
    max_tokens: Count | None = None


class AnyApi:
    """Reads what the OpenAI-like APIs have in common."""

    name = "any"

    def __init__(self) -> None:
        self._reader = JsonReader(_Any)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        request, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(request.tools, request.system, request.messages, request.prompt, request.input)
        return RequestFacts(
            dialect=self.name,
            model=model,
            stream=request.stream is True,
            prompt=prompt,
            prompt_tokens=tokens,
            max_tokens=request.max_tokens,
        )
