from __future__ import annotations

import pytest

from modelyard.http1.body_framing import LengthDecoder, UntilCloseDecoder, request_decoder, response_decoder
from modelyard.http1.chunked_coding import ChunkedDecoder
from modelyard.http1.request_parsing import parse_request_head

DATA = b"hello, world and more"


@pytest.mark.parametrize("at", range(len(DATA) + 1))
def test_a_length_split_at_every_offset(at: int) -> None:
    decoder = LengthDecoder(12)
    payload, rest = b"", b""
    for part in (DATA[:at], DATA[at:]):
        if decoder.done:
            rest += part
        else:
            payload += decoder.feed(part)
            rest += decoder.rest
    assert payload == DATA[:12]
    assert decoder.done
    assert rest == DATA[12:]


def test_an_empty_body_is_done_at_once() -> None:
    assert LengthDecoder(0).done


@pytest.mark.parametrize(
    ("method", "status", "chunked", "length", "kind"),
    [
        ("GET", 200, True, None, ChunkedDecoder),
        ("GET", 200, False, 5, LengthDecoder),
        ("GET", 200, False, None, UntilCloseDecoder),
        ("HEAD", 200, True, None, LengthDecoder),
        ("GET", 204, False, None, LengthDecoder),
        ("GET", 304, False, 5, LengthDecoder),
    ],
)
def test_the_framing_of_a_response(method: str, status: int, chunked: bool, length: int | None, kind: type) -> None:
    decoder = response_decoder(method, status, chunked, length)
    assert isinstance(decoder, kind)
    assert decoder.done is (method == "HEAD" or status in (204, 304))


def test_the_framing_of_a_request() -> None:
    chunked = parse_request_head(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    assert isinstance(request_decoder(chunked), ChunkedDecoder)
    plain = parse_request_head(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
    decoder = request_decoder(plain)
    assert isinstance(decoder, LengthDecoder)
    assert decoder.left == 3
