from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.bodies.facts import BodyError
from modelyard.bodies.multipart import MAX_PARTS, field_text, form_field, form_parts, read_form_field

TYPE = "multipart/form-data; boundary=XyZ"


def part(disposition: str, content: bytes, *more: str) -> bytes:
    head = "".join(f"{line}\r\n" for line in (f"Content-Disposition: {disposition}", *more))
    return b"--XyZ\r\n" + head.encode() + b"\r\n" + content + b"\r\n"


def field(name: str, content: bytes, *more: str) -> bytes:
    return part(f'form-data; name="{name}"', content, *more)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--XyZ--\r\n"


FILE = part('form-data; name="file"; filename="a \\"b\\".wav"', b"RIFF\r\n\x00--Xy\r\n--x", "Content-Type: audio/wav")
MODEL = field("model", b"whisper")


def test_finds_parts_by_position() -> None:
    body = form(FILE, MODEL, field("empty", b""))
    found = {p.name: (p.is_file, body[p.start : p.end]) for p in form_parts(body, TYPE)}
    assert found == {
        "file": (True, b"RIFF\r\n\x00--Xy\r\n--x"),
        "model": (False, b"whisper"),
        "empty": (False, b""),
    }


@pytest.mark.parametrize(
    "content_type",
    [
        TYPE,
        'Multipart/Form-Data;boundary="XyZ"',
        "multipart/form-data; charset=utf-8; boundary=XyZ",
        'multipart/form-data; boundary=XyZ; charset="UTF-8"',
    ],
)
def test_accepted_content_types(content_type: str) -> None:
    assert read_form_field(form(MODEL), content_type, "model") == "whisper"


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("", 415),
        ("application/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/mixed; boundary=XyZ", 415),
        ("multipart/form-data", 400),
        ("multipart/form-data; boundary=", 400),
        ('multipart/form-data; boundary=""', 400),
        ("multipart/form-data; boundary=XyZ; boundary=a", 400),
        ("multipart/form-data; boundary*=utf-8''XyZ", 400),
        ("multipart/form-data; boundary=X(yZ", 400),
        ('multipart/form-data; boundary="Xy\\Z"', 400),
        ('multipart/form-data; boundary="XyZ "', 400),
        (f"multipart/form-data; boundary={'a' * 71}", 400),
        ("multipart/form-data; boundary=XyZ; charset=utf-16", 400),
        ("multipart/form-data; boundary=XyZ\u212a", 400),
    ],
)
def test_refused_content_types(content_type: str, status: int) -> None:
    with pytest.raises(BodyError) as caught:
        form_parts(form(MODEL), content_type)
    assert caught.value.status == status


REFUSED = {
    "empty": b"",
    "no boundary": b"model=whisper",
    "text before": b"x\r\n" + form(MODEL),
    "line end before": b"\r\n" + form(MODEL),
    "text after": form(MODEL) + b"x",
    "a form after the end": form(MODEL) + form(MODEL),
    "no end": MODEL,
    "cut off in the end": form(MODEL)[:-6],
    "another boundary": form(MODEL).replace(b"XyZ", b"XyA"),
    "boundary in another case": form(MODEL).replace(b"XyZ", b"xyz"),
    "bare line feeds": form(MODEL).replace(b"\r\n", b"\n"),
    "bare line feed before a boundary": form(field("a", b"x\n--XyZ\r\n"), MODEL),
    "bare carriage return before a boundary": form(field("a", b"x\r--XyZ\r\n"), MODEL),
    "space after the boundary": form(MODEL).replace(b"--XyZ\r\n", b"--XyZ \r\n"),
    "longer boundary": form(field("a", b"x\r\n--XyZZ"), MODEL),
    "boundary within content": form(field("a", b"see --XyZ there"), MODEL),
    "boundary right after the headers": b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n--XyZ--\r\n',
    "no headers": b"--XyZ\r\n\r\nx\r\n--XyZ--\r\n",
    "no blank line": b'--XyZ\r\nContent-Disposition: form-data; name="model"\r\n--XyZ--\r\n',
    "folded header": form(field("a", b"x", "X-Y: z", " more")),
    "header without colon": form(field("a", b"x", "X-Y")),
    "space before the colon": form(field("a", b"x", "X-Y : z")),
    "bare carriage return in a header": form(field("a", b"x", "X-Y: z\rContent-Disposition: y")),
    "NUL in a header": form(field("a", b"x", "X-Y: \x00")),
    "headers not in UTF-8": form(field("a", b"x")).replace(b'"a"', b'"\xff"'),
    "two dispositions": form(field("a", b"x", 'content-disposition: form-data; name="model"')),
    "disposition missing": b"--XyZ\r\nContent-Type: text/plain\r\n\r\nx\r\n--XyZ--\r\n",
    "attachment": form(part('attachment; name="model"', b"x")),
    "nameless": form(part("form-data", b"x")),
    "two names": form(part('form-data; name="a"; name="model"', b"x")),
    "two names, cases": form(part('form-data; name="a"; NAME="model"', b"x")),
    "extended name": form(part("form-data; name*=utf-8''model", b"x")),
    "extended and plain name": form(part("form-data; name=\"a\"; name*=utf-8''model", b"x")),
    "continued name": form(part('form-data; name*0="mo"; name*1="del"', b"x")),
    "escaped name": form(part('form-data; name="mo\\del"', b"x")),
    "quote unclosed": form(part('form-data; name="model', b"x")),
    "text after the name": form(part('form-data; name="model" x', b"x")),
    "encoded field": form(field("model", b"d2hpc3Blcg==", "Content-Transfer-Encoding: base64")),
    "field in UTF-16": form(field("model", b"x", "Content-Type: text/plain; charset=utf-16")),
    "too many parts": form(*[field("a", b"x")] * (MAX_PARTS + 1)),
    "long headers": form(field("a", b"x", "X-Y: " + "z" * 9_000)),
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_refuses_what_parsers_could_read_in_different_ways(body: bytes) -> None:
    with pytest.raises(BodyError) as caught:
        form_parts(body, TYPE)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        form(MODEL)[:-2],
        form(part("form-data; name=model", b"whisper")),
        form(part('FORM-DATA;name="model"', b"whisper")),
        form(field("model", b"whisper", "Content-Type: text/plain; charset=UTF-8")),
        form(field("model", b"whisper", "content-transfer-encoding: 8bit", "Content-Length: 7")),
        form(part('form-data; name="file"; filename="a"; filename*=utf-8\'\'b', b"x"), MODEL),
    ],
)
def test_accepts_what_clients_send(body: bytes) -> None:
    assert read_form_field(body, TYPE, "model") == "whisper"


def test_every_cut_is_refused() -> None:
    body = form(FILE, MODEL)[:-2]
    for cut in range(len(body)):
        with pytest.raises(BodyError):
            form_parts(body[:cut], TYPE)


@pytest.mark.parametrize(
    "parts",
    [(MODEL, MODEL), (MODEL, FILE, field("model", b"x")), (part('form-data; name="model"; filename="m"', b"x"),)],
)
def test_a_field_is_plain_and_single(parts: tuple[bytes, ...]) -> None:
    with pytest.raises(BodyError) as caught:
        form_field(form_parts(form(*parts), TYPE), "model")
    assert caught.value.param == "model"


@pytest.mark.parametrize("content", [b"\xff", b"a\r\nb", b"a\x00", b" a", b"a" * 2_000, b""])
def test_a_field_that_is_no_header_value_is_refused(content: bytes) -> None:
    body = form(field("model", content))
    with pytest.raises(BodyError):
        field_text(body, form_parts(body, TYPE)[0])


def test_other_fields_may_repeat() -> None:
    granularity = field("timestamp_granularities[]", b"word")
    assert len(form_parts(form(granularity, granularity), TYPE)) == 2
    assert read_form_field(form(granularity), TYPE, "user") is None
    assert read_form_field(form(field("user", b"")), TYPE, "user") is None


@settings(max_examples=150)
@given(
    fields=st.lists(
        st.tuples(st.sampled_from(["model", "a", "é"]), st.binary(max_size=30).filter(lambda b: b"--XyZ" not in b)),
        max_size=5,
    )
)
def test_reads_back_what_was_written(fields: list[tuple[str, bytes]]) -> None:
    if not fields:
        return
    body = form(*[field(name, content) for name, content in fields])
    assert [(p.name, body[p.start : p.end]) for p in form_parts(body, TYPE)] == fields


@settings(max_examples=200)
@given(edits=st.lists(st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=2)), min_size=1, max_size=3))
def test_any_damage_is_read_or_refused(edits: list[tuple[int, bytes]]) -> None:
    body = form(FILE, MODEL)
    for at, junk in edits:
        at %= len(body)
        body = body[:at] + junk + body[at + 1 :]
    try:
        parts = form_parts(body, TYPE)
    except BodyError:
        return
    assert body.count(b"--XyZ") == len(parts) + 1
