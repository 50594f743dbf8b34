"""vLLM's tokenizer API: ``/tokenize`` (``prompt`` or ``messages``) and ``/detokenize`` (``tokens``).

It runs no model, so the prompt says nothing about prefix reuse and is left empty.
"""

from __future__ import annotations

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import JsonReader, JsonRequest


class VllmTokenize:
    """Reads tokenizer requests."""

    name = "vllm-tokenize"

    def __init__(self) -> None:
        self._reader = JsonReader(JsonRequest)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        _, model = self._reader.read(body, content_type, content_encoding)
        return RequestFacts(dialect=self.name, model=model)
