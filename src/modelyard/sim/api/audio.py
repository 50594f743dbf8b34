"""``/v1/audio/transcriptions``: takes any file and says, in simulated words, that nobody listened to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from modelyard.sim.api.bodies import Ask
from modelyard.sim.api.call import Call
from modelyard.sim.api.chat import DONE, chunk_prefix, usage_chunk
from modelyard.sim.api.errors import invalid_body
from modelyard.sim.api.generation import complete, generate, prepare
from modelyard.sim.api.job import Job
from modelyard.sim.engine import Emission

_BYTES_PER_SECOND = 32000
"""16-bit mono at 16 kHz: the length of a file is guessed from its size."""
_PROMPT_BYTES = 6000
"""Of the file; as many tokens as Whisper's 1,500 frames."""


async def transcriptions(call: Call) -> web.StreamResponse:
    fields = form_fields(call.body, call.request.headers.get("Content-Type", ""))
    dialect = Transcriptions(fields)
    if fields.get("response_format") != b"text" or dialect.streams:
        return await generate(call, dialect)
    job = prepare(call, dialect)
    await complete(call, job)
    return call.text(job.text)


class Transcriptions:
    """OpenAI transcriptions; one per request, since the form is not JSON."""

    def __init__(self, fields: Mapping[str, bytes]) -> None:
        if "file" not in fields:
            raise invalid_body("Field required", "file")
        self._fields = fields
        self._seconds = -(-len(fields["file"]) // _BYTES_PER_SECOND)

    @property
    def streams(self) -> bool:
        return self._fields.get("stream", b"").lower() in (b"true", b"1")

    def ask(self, body: bytes) -> Ask:
        model = self._fields.get("model", b"").decode("utf-8", "replace")
        audio = self._fields["file"][:_PROMPT_BYTES]
        usage = self._fields.get("stream_include_usage", b"").lower() in (b"true", b"1")
        return Ask(model=model or None, prompts=[audio], echoes=["audio"], stream=self.streams, include_usage=usage)

    def whole(self, job: Job) -> dict[str, Any]:
        return {"text": job.text, "usage": {"type": "duration", "seconds": self._seconds}}

    def stream(self, job: Job) -> TranscriptionStream:
        return TranscriptionStream(job)


class TranscriptionStream:
    """vLLM's transcription chunks."""

    __slots__ = ("_job", "_prefix")

    def __init__(self, job: Job) -> None:
        self._job = job
        self._prefix = chunk_prefix(f"trsc-{job.id}", "transcription.chunk", job)

    def opening(self) -> bytes:
        return b""

    def token(self, emission: Emission) -> bytes:
        choice: dict[str, Any] = {"delta": {"content": emission.piece}}
        if emission.finished:
            choice.update(finish_reason=emission.sequence.finish_reason, stop_reason=None)
        return self._prefix + msgspec.json.encode(choice) + b"]}\n\n"

    def closing(self) -> bytes:
        return (usage_chunk(self._prefix, self._job) if self._job.ask.include_usage else b"") + DONE


def form_fields(body: bytes, content_type: str) -> dict[str, bytes]:
    """Fields of a ``multipart/form-data`` body. ApiError 400: it is none."""
    media_type, _, parameters = content_type.partition(";")
    boundary = _parameter(parameters, "boundary")
    if media_type.strip().lower() != "multipart/form-data" or not boundary:
        raise invalid_body("Expected multipart/form-data with a boundary")
    fields = {}
    for part in body.split(b"--" + boundary.encode("latin-1"))[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = _field_name(head)
        if name:
            fields[name] = value.removesuffix(b"\r\n")
    return fields


def _field_name(head: bytes) -> str:
    for line in head.decode("latin-1").splitlines():
        header, _, parameters = line.partition(";")
        if header.lower().startswith("content-disposition:"):
            return _parameter(parameters, "name")
    return ""


def _parameter(parameters: str, name: str) -> str:
    for item in parameters.split(";"):
        key, _, value = item.partition("=")
        if key.strip().lower() == name:
            return value.strip().strip('"')
    return ""
