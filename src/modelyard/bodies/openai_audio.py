"""OpenAI audio: ``/v1/audio/transcriptions`` and ``/v1/audio/translations``, a multipart form with a file in
it."""

from __future__ import annotations

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import check_identity
from modelyard.bodies.multipart import field_text, form_field, form_parts

_TRUE = frozenset({b"true", b"1", b"on", b"yes", b"t", b"y"})
"""Form values that FastAPI reads as true, in lower case."""


class OpenAiAudio:
    """Reads the small fields of an audio form; the file is neither copied nor looked into."""

    name = "openai-audio"

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        check_identity(content_encoding)
        parts = form_parts(body, content_type)
        model, stream = form_field(parts, "model"), form_field(parts, "stream")
        return RequestFacts(
            dialect=self.name,
            model=None if model is None else field_text(body, model),
            stream=stream is not None and body[stream.start : stream.end].lower() in _TRUE,
            model_spans=() if model is None else ((model.start, model.end),),
        )
