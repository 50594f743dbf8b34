"""OpenAI Completions (the older text API): ``POST /v1/completions``."""

from __future__ import annotations

import msgspec

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import ABSENT, Count, JsonReader, JsonRequest, StreamOptions, prompt_facts


class _Completion(JsonRequest, gc=False):
    prompt: msgspec.Raw = ABSENT
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Count | None = None
    n: Count | None = None
    best_of: Count | None = None


class OpenAiCompletions:
    """Reads completion requests; a prompt may be text, tokens, or a list of either."""

    name = "openai-completions"

    def __init__(self) -> None:
        self._reader = JsonReader(_Completion)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        completion, model = self._reader.read(body, content_type, content_encoding)
        prompt, tokens = prompt_facts(completion.prompt)
        options = completion.stream_options
        return RequestFacts(
            dialect=self.name,
            model=model,
            stream=completion.stream is True,
            prompt=prompt,
            prompt_tokens=tokens,
            max_tokens=completion.max_tokens,
            n=max(completion.n or 1, completion.best_of or 1),
            include_usage=options is not None and options.include_usage is True,
        )
