"""Rerank and score (Jina, Cohere and vLLM forms): ``/rerank``, ``/v1/rerank``, ``/v2/rerank``, ``/score``,
``/v1/score``."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, JsonReader, JsonRequest, prompt_facts


class _Ranking(JsonRequest, gc=False):
    query: msgspec.Raw = ABSENT
    documents: msgspec.Raw = ABSENT
    queries: msgspec.Raw = ABSENT
    items: msgspec.Raw = ABSENT
    text_1: msgspec.Raw = ABSENT
    text_2: msgspec.Raw = ABSENT
    data_1: msgspec.Raw = ABSENT
    data_2: msgspec.Raw = ABSENT


class RerankScore:
    """Reads ranking requests; the query comes first in the prompt, as cross-encoders render it."""

    name = "rerank-score"

    def __init__(self) -> None:
        self._reader = JsonReader(_Ranking)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        request, model = self._reader.read(body, content_type, content_encoding)
        first = (request.query, request.queries, request.text_1, request.data_1)
        second = (request.documents, request.items, request.text_2, request.data_2)
        prompt, tokens = prompt_facts(*first, *second)
        return RequestFacts(dialect=self.name, model=model, prompt=prompt, prompt_tokens=tokens)
