"""OpenAI Responses: ``POST /v1/responses``."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, Count, JsonReader, JsonRequest, prompt_facts


class _Response(JsonRequest, gc=False):
    instructions: msgspec.Raw = ABSENT
    input: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    stream: bool | None = None
    max_output_tokens: Count | None = None


class OpenAiResponses:
    """Reads Responses requests; their streams always end with usage."""

    name = "openai-responses"

    def __init__(self) -> None:
        self._reader = JsonReader(_Response)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        response, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(response.tools, response.instructions, response.input)
        return RequestFacts(
            dialect=self.name,
            model=model,
            stream=response.stream is True,
            prompt=prompt,
            prompt_tokens=tokens,
            max_tokens=response.max_output_tokens,
            include_usage=True,
        )
