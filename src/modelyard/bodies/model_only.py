"""JSON APIs of which only ``model`` matters here: speech, images, moderations, decisions."""

from __future__ import annotations

from modelyard.bodies.facts import RequestFacts
from modelyard.bodies.json_request import JsonReader, JsonRequest


class ModelOnly:
    """Reads the model's name and nothing else."""

    name = "model-only"

    def __init__(self) -> None:
        self._reader = JsonReader(JsonRequest)

    def read(self, body: bytes, content_type: str, content_encoding: str) -> RequestFacts:
        _, model = self._reader.read(body, content_type, content_encoding)
        return RequestFacts(dialect=self.name, model=model)
