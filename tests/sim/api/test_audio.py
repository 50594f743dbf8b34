from __future__ import annotations

from typing import Any

import pytest

from modelyard.sim.api.audio import Transcriptions, form_fields
from modelyard.sim.api.errors import ApiError

BODY = (
    b'--xx\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
    b'--xx\r\nContent-Type: audio/wav\r\nContent-Disposition: form-data; filename="a;b.wav"; name="file"\r\n\r\n'
    b"\x00\x01\r\n--x\r\n"
    b"\r\n--xx--\r\n"
)


def test_fields_of_a_form() -> None:
    fields = form_fields(BODY, 'multipart/form-data; charset=utf-8; boundary="xx"')
    assert fields == {"model": b"m", "file": b"\x00\x01\r\n--x\r\n"}


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data"])
def test_what_is_no_form_is_refused(content_type: str) -> None:
    with pytest.raises(ApiError):
        form_fields(BODY, content_type)


def test_a_form_needs_a_file() -> None:
    with pytest.raises(ApiError, match="Field required"):
        Transcriptions({"model": b"m"})


def test_the_answer_has_text_and_the_length_of_the_audio(jobs: Any) -> None:
    dialect = Transcriptions({"file": b"x" * 40_000})
    answer = dialect.whole(jobs.job(dialect.ask(b"")))
    assert answer["text"].startswith("[simulated]")
    assert answer["usage"] == {"type": "duration", "seconds": 2}


def test_a_stream_of_chunks(jobs: Any) -> None:
    chunks = jobs.data(jobs.stream(Transcriptions({"file": b"x", "stream": b"true"})))
    assert {chunk["object"] for chunk in chunks} == {"transcription.chunk"}
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
