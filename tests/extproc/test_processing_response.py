"""Messages written here mean what the protobuf library says they mean."""

from __future__ import annotations

import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2 as pb
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from modelyard.extproc import processing_request as incoming
from modelyard.extproc import processing_response as outgoing
from modelyard.extproc.protobuf_struct import struct_of

names = st.sampled_from([":path", "content-type", "x-a", "X-Upper"])
values = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=300)


@pytest.mark.parametrize("size", [0, 127, 128, 16_383, 16_384, 70_000, 2_100_000])
def test_bodies_of_every_length_of_a_length(size: int) -> None:
    answer = pb.ProcessingResponse.FromString(outgoing.answer(incoming.REQUEST_BODY, body=b"x" * size))
    assert answer.request_body.response.body_mutation.body == b"x" * size


@given(
    st.lists(st.tuples(names, values), max_size=4), st.lists(names, max_size=3), st.booleans(), st.none() | st.binary()
)
def test_answers(fields: list[tuple[str, str]], remove: list[str], clear: bool, body: bytes | None) -> None:
    mutation = outgoing.header_mutation(fields, remove)
    data = outgoing.answer(
        incoming.RESPONSE_BODY,
        mutation=mutation,
        body=body,
        clear_route_cache=clear,
        metadata=outgoing.picked_metadata("1.2.3.4:5"),
    )
    answer = pb.ProcessingResponse.FromString(data)
    common = answer.response_body.response
    assert [(o.header.key, o.header.raw_value.decode("latin-1")) for o in common.header_mutation.set_headers] == fields
    assert all(option.append_action == 2 for option in common.header_mutation.set_headers)
    assert list(common.header_mutation.remove_headers) == remove
    assert common.clear_route_cache == clear
    assert (common.body_mutation.body if common.HasField("body_mutation") else None) == body
    assert MessageToDict(answer.dynamic_metadata) == {"envoy.lb": {"x-gateway-destination-endpoint": "1.2.3.4:5"}}


@pytest.mark.parametrize("phase", list(outgoing.ANSWERS))
def test_plain_answers(phase: int) -> None:
    name = pb.ProcessingRequest.DESCRIPTOR.fields_by_number[phase].name
    assert pb.ProcessingResponse.FromString(outgoing.plain_answer(phase)).WhichOneof("response") == name


@pytest.mark.parametrize("size", [0, 1, 61_999, 62_000, 62_001, 124_000, 124_001])
@pytest.mark.parametrize("end", [True, False])
def test_pieces(size: int, end: bool) -> None:
    body = bytes(i % 251 for i in range(size))
    answers = [pb.ProcessingResponse.FromString(data) for data in outgoing.pieces(incoming.REQUEST_BODY, body, end=end)]
    pieces = [answer.request_body.response.body_mutation.streamed_response for answer in answers]
    assert b"".join(piece.body for piece in pieces) == body
    assert all(0 < len(piece.body) <= 62_000 for piece in pieces) or (size == 0 and len(pieces) == end)
    assert [piece.end_of_stream for piece in pieces] == [False] * (len(pieces) - 1) + [end] * bool(pieces)


def test_immediate() -> None:
    data = outgoing.immediate(429, [("retry-after", "3")], b"{}", "saturated")
    immediate = pb.ProcessingResponse.FromString(data).immediate_response
    assert (immediate.status.code, immediate.body, immediate.details) == (429, b"{}", "saturated")
    assert immediate.headers.set_headers[0].header.key == "retry-after"


def test_more_time_and_other_modes() -> None:
    timeout = pb.ProcessingResponse.FromString(outgoing.more_time(61.5)).override_message_timeout
    assert (timeout.seconds, timeout.nanos) == (61, 500_000_000)
    override = pb.ProcessingResponse.FromString(outgoing.response_mode(2, 1)).mode_override
    assert (override.response_header_mode, override.response_body_mode, override.response_trailer_mode) == (1, 1, 1)
    assert (override.request_header_mode, override.request_body_mode, override.request_trailer_mode) == (0, 2, 0)


@given(
    st.dictionaries(
        st.text(max_size=4), st.dictionaries(st.text(max_size=4), st.text(max_size=9), max_size=2), max_size=2
    )
)
def test_structs(texts: dict[str, dict[str, str]]) -> None:
    assert MessageToDict(Struct.FromString(struct_of(texts))) == texts


@pytest.mark.parametrize("removed", [[], ["x-a", "x_b"]])
def test_trailers_answers(removed: list[str]) -> None:
    data = outgoing.trailers_answer(incoming.REQUEST_TRAILERS, b"", outgoing.header_mutation((), removed))
    answer = pb.ProcessingResponse.FromString(data)
    assert answer.WhichOneof("response") == "request_trailers"
    assert list(answer.request_trailers.header_mutation.remove_headers) == removed
