"""Embeddings and vLLM's other one-pass tasks on a text: ``/v1/embeddings``, ``/v2/embed``, ``/pooling``,
``/classify``."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, JsonReader, JsonRequest, prompt_facts


class _Embedding(JsonRequest, gc=False):
    input: msgspec.Raw = ABSENT
    messages: msgspec.Raw = ABSENT
    texts: msgspec.Raw = ABSENT


class OpenAiEmbeddings:
    """Reads embedding requests: ``input`` (OpenAI), ``messages`` (vLLM, multimodal) or ``texts``
    (``/v2/embed``)."""

    name = "openai-embeddings"

    def __init__(self) -> None:
        self._reader = JsonReader(_Embedding)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        request, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(request.input, request.messages, request.texts)
        return RequestFacts(dialect=self.name, model=model, prompt=prompt, prompt_tokens=tokens)
