"""OpenAI Chat Completions: ``POST /v1/chat/completions`` (vLLM's ``/batch`` and ``/render`` children
included)."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, Count, JsonReader, JsonRequest, StreamOptions, prompt_facts


class _Chat(JsonRequest, gc=False):
    messages: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    max_completion_tokens: Count | None = None
    n: Count | None = None


class OpenAiChat:
    """Reads chat requests; ``max_completion_tokens`` wins over the older ``max_tokens``."""

    name = "openai-chat"

    def __init__(self) -> None:
        self._reader = JsonReader(_Chat)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        chat, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(chat.tools, chat.messages)
        options, limit = chat.stream_options, chat.max_completion_tokens
        return RequestFacts(
            dialect=self.name,
            model=model,
            stream=chat.stream is True,
            prompt=prompt,
            prompt_tokens=tokens,
            max_tokens=chat.max_tokens if limit is None else limit,
            n=chat.n or 1,
            include_usage=options is not None and options.include_usage is True,
        )
