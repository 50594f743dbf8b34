from __future__ import annotations

import pytest

from modelyard.bodies.facts import BodyError
from modelyard.bodies.openai_audio import OpenAiAudio

AUDIO = OpenAiAudio()
TYPE = "multipart/form-data; boundary=b"
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + bytes(range(256)) + b"\r\n"


def field(name: str, content: str) -> bytes:
    return f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{content}\r\n'.encode()


@pytest.mark.parametrize("body", [field("model", "whisper") + FILE, FILE + field("model", "whisper")])
def test_reads_the_model_before_or_after_the_file(body: bytes) -> None:
    body += b"--b--\r\n"
    facts = AUDIO.read(body, TYPE, "")
    assert (facts.dialect, facts.model, facts.stream) == ("openai-audio", "whisper", False)
    [(start, end)] = facts.model_spans
    assert body[start:end] == b"whisper"


def test_a_form_without_model_is_a_fact() -> None:
    facts = AUDIO.read(FILE + b"--b--", TYPE, "")
    assert (facts.model, facts.model_spans) == (None, ())


@pytest.mark.parametrize(
    ("value", "stream"), [("true", True), ("True", True), ("1", True), ("false", False), ("", False)]
)
def test_stream_is_read_as_engines_read_forms(value: str, stream: bool) -> None:
    assert AUDIO.read(field("stream", value) + b"--b--", TYPE, "").stream is stream


def test_refusals() -> None:
    form = field("model", "a") + FILE + b"--b--"
    for body, content_type, encoding, status in (
        (form, TYPE, "gzip", 415),
        (form, "application/json", "", 415),
        (b'{"model":"a"}', TYPE, "", 400),
        (field("model", "a") + form, TYPE, "", 400),
    ):
        with pytest.raises(BodyError) as caught:
            AUDIO.read(body, content_type, encoding)
        assert caught.value.status == status
