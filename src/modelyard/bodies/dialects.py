"""Which API a request speaks: a table from method and normalised path to the dialect that reads its body."""

from __future__ import annotations

from typing import Protocol

from modelyard.bodies.anthropic_messages import AnthropicMessages
from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import read_json_field
from modelyard.bodies.model_only import ModelOnly
from modelyard.bodies.multipart import read_form_field
from modelyard.bodies.openai_audio import OpenAiAudio
from modelyard.bodies.openai_chat import OpenAiChat
from modelyard.bodies.openai_completions import OpenAiCompletions
from modelyard.bodies.openai_embeddings import OpenAiEmbeddings
from modelyard.bodies.openai_responses import OpenAiResponses
from modelyard.bodies.rerank_score import RerankScore
from modelyard.bodies.vllm_tokenize import VllmTokenize


class Dialect(Protocol):
    """One API's way to say which model is asked for, with which prompt, streamed or not."""

    name: str
    """Name in ``RequestFacts.dialect``, for example ``openai-chat``."""

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        """The facts of a whole request body; raises ``BodyError`` where engines could read it in another
        way."""
        ...


_CHAT = OpenAiChat()
_COMPLETIONS = OpenAiCompletions()
_EMBEDDINGS = OpenAiEmbeddings()
_RERANK_SCORE = RerankScore()
_AUDIO = OpenAiAudio()
_TOKENIZE = VllmTokenize()
_MODEL_ONLY = ModelOnly()

BY_PATH: dict[str, Dialect] = {
    "/v1/chat/completions": _CHAT,
    "/v1/chat/completions/batch": _CHAT,
    "/v1/chat/completions/render": _CHAT,
    "/v1/completions": _COMPLETIONS,
    "/v1/completions/render": _COMPLETIONS,
    "/v1/responses": OpenAiResponses(),
    "/v1/messages": AnthropicMessages("anthropic-messages"),
    "/v1/messages/count_tokens": AnthropicMessages("anthropic-count-tokens"),
    "/v1/embeddings": _EMBEDDINGS,
    "/v2/embed": _EMBEDDINGS,
    "/pooling": _EMBEDDINGS,
    "/classify": _EMBEDDINGS,
    "/score": _RERANK_SCORE,
    "/v1/score": _RERANK_SCORE,
    "/rerank": _RERANK_SCORE,
    "/v1/rerank": _RERANK_SCORE,
    "/v2/rerank": _RERANK_SCORE,
    "/v1/audio/transcriptions": _AUDIO,
    "/v1/audio/translations": _AUDIO,
    "/tokenize": _TOKENIZE,
    "/detokenize": _TOKENIZE,
    "/v1/audio/speech": _MODEL_ONLY,
    "/v1/decisions": _MODEL_ONLY,
    "/v1/images/generations": _MODEL_ONLY,
    "/v1/moderations": _MODEL_ONLY,
}
"""Normalised path (``api_paths.normalise_path``) to dialect; matched exactly, case included."""


def dialect_for(method: str, path: str) -> Dialect | None:
    """The dialect of a request; None: nothing is read from its body, it is routed by path alone."""
    return BY_PATH.get(path) if method == "POST" else None


def read_field(body: bytes, content_type: str, field: str) -> str | None:
    """A top-level field of a body as text, for ``body-field-to-header`` with a field other than ``model``.

    Strings are taken as they are, numbers and booleans as written. None: absent, null or empty, so no header
    is set. Raises ``BodyError`` (400) where the field is a list or an object, occurs twice or cannot be a
    header value.
    """
    if content_type.lstrip()[:10].lower() == "multipart/":
        return read_form_field(body, content_type, field)
    return read_json_field(body, field) if body.lstrip(b" \t\r\n")[:1] == b"{" else None
