"""Messages read here mean what the protobuf library says they mean."""

from __future__ import annotations

import contextlib
import tracemalloc
from typing import Any

import pytest
from envoy.config.core.v3.base_pb2 import Metadata
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from modelyard.extproc import processing_request as incoming
from modelyard.extproc.processing_request import metadata_of, read_request
from modelyard.extproc.protobuf_wire import MalformedMessage, nested, number_field

names = st.sampled_from([":path", ":method", "content-type", "x-a", "authorization", "X-Upper", "user-agent"])
values = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=300)
lines = st.lists(st.tuples(names, values, st.booleans()), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def header_maps(draw: st.DrawFn) -> tuple[pb.HttpHeaders, list[tuple[str, str]]]:
    message, wanted = pb.HttpHeaders(end_of_stream=draw(st.booleans())), []
    for name, value, raw in draw(lines):
        if raw:
            message.headers.headers.add(key=name, raw_value=value.encode("latin-1"))
        else:
            message.headers.headers.add(key=name, value=value)
            value = value.encode().decode("latin-1")
        wanted.append((name.lower(), value))
    return message, wanted


@given(header_maps(), st.sampled_from(["request_headers", "response_headers"]))
def test_headers(headers: tuple[pb.HttpHeaders, list[tuple[str, str]]], which: str) -> None:
    message, wanted = headers
    data = pb.ProcessingRequest(**{which: message}).SerializeToString()
    for _ in range(2):
        read = read_request(data)
        assert read.phase == pb.ProcessingRequest.DESCRIPTOR.fields_by_name[which].number
        assert read.fields == wanted
        assert read.end_of_stream == message.end_of_stream


@given(st.binary(max_size=400), st.booleans(), st.sampled_from(["request_body", "response_body"]))
def test_bodies(body: bytes, end: bool, which: str) -> None:
    message = pb.ProcessingRequest(**{which: pb.HttpBody(body=body, end_of_stream=end)})
    read = read_request(message.SerializeToString())
    assert (read.body, read.end_of_stream, read.phase) == (
        body,
        end,
        pb.ProcessingRequest.DESCRIPTOR.fields_by_name[which].number,
    )


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 70_000, 2_100_000])
def test_bodies_of_every_length_of_a_length(size: int) -> None:
    body = b"x" * size
    message = pb.ProcessingRequest(request_body=pb.HttpBody(body=body, end_of_stream=True))
    assert read_request(message.SerializeToString()).body == body


@given(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans())
def test_modes(request: int, response: int, unprompted: bool, observability: bool) -> None:
    message = pb.ProcessingRequest(
        request_trailers=pb.HttpTrailers(),
        observability_mode=observability,
        protocol_config=pb.ProtocolConfiguration(
            request_body_mode=request,
            response_body_mode=response,
            send_body_without_waiting_for_header_response=unprompted,
        ),
    )
    read = read_request(message.SerializeToString())
    assert read.modes == incoming.BodyModes(request, response, unprompted)
    assert (read.observability, read.phase) == (observability, incoming.REQUEST_TRAILERS)


@given(st.dictionaries(st.text(max_size=4), st.dictionaries(st.text(max_size=4), plain, max_size=3), max_size=3))
def test_metadata(namespaces: dict[str, dict[str, Any]]) -> None:
    metadata = Metadata()
    for name, values in namespaces.items():
        struct = Struct()
        struct.update(values)
        metadata.filter_metadata[name].CopyFrom(struct)
    read = read_request(pb.ProcessingRequest(metadata_context=metadata).SerializeToString())
    assert metadata_of(read.metadata) == {
        name: MessageToDict(value) for name, value in metadata.filter_metadata.items()
    }


def test_metadata_that_is_nested_too_deep_is_left_out() -> None:
    value = nested(3, b"x")
    for _ in range(2000):
        value = nested(6, nested(1, value))
    data = nested(1, nested(1, b"ns") + nested(2, nested(1, nested(1, b"k") + nested(2, value))))
    assert list(metadata_of(data)) == ["ns"]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(data: bytes) -> None:
    for read in (lambda: read_request(data), lambda: metadata_of(data)):
        with contextlib.suppress(MalformedMessage):
            read()


@given(st.data(), header_maps())
def test_a_message_that_is_damaged_anywhere(data: st.DataObject, headers: Any) -> None:
    whole = pb.ProcessingRequest(request_headers=headers[0]).SerializeToString()
    at = data.draw(st.integers(0, max(0, len(whole) - 1)))
    damaged = whole[:at] + data.draw(st.binary(max_size=3)) + whole[at + 1 :]
    for message in (damaged, whole[:at]):
        with contextlib.suppress(MalformedMessage):
            read_request(message)


@given(header_maps())
def test_unknown_fields_are_stepped_over(headers: Any) -> None:
    message, wanted = headers
    unknown = number_field(900, 5) + b"\xaa\x38\x03abc" + b"\xb5\x38" + b"1234" + b"\xb1\x38" + b"12345678"
    data = unknown + pb.ProcessingRequest(request_headers=message).SerializeToString() + unknown
    assert read_request(data).fields == wanted


def test_what_is_remembered_of_modes_is_bounded() -> None:
    tracemalloc.start()
    try:
        for number in range(20):
            modes = number_field(1, 4) + nested(5, b"%09d" % number + bytes(1_000_000))
            assert read_request(nested(11, modes)).modes == incoming.BodyModes(incoming.FULL_DUPLEX_STREAMED)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 3_000_000


@given(header_maps())
def test_trailers(headers: tuple[pb.HttpHeaders, list[tuple[str, str]]]) -> None:
    message, wanted = headers
    data = pb.ProcessingRequest(request_trailers=pb.HttpTrailers(trailers=message.headers)).SerializeToString()
    read = read_request(data)
    assert (read.phase, read.fields) == (incoming.REQUEST_TRAILERS, wanted)
