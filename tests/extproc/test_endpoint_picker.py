from __future__ import annotations

from typing import Any

import pytest
from ext_proc_yard import BUFFERED, FULL_DUPLEX, NO_BODIES, STREAMED, A, B, C, Call, Yard, endpoint, pick_of, served

from modelyard.extproc.pool_choice import POOL_KEY
from modelyard.worker.protocol import PickerSettings

ASK = b'{"model": "m", "prompt": "hello"}'
SCORES = "x-gateway-destination-endpoint-scores"


def scores_of(call: Call, config: Any) -> tuple[list[str], dict[str, float]]:
    """The pick, and the scores beside it."""
    answers = call.headers(protocol_config=config)
    if config != NO_BODIES:
        answers += call.body(ASK)
    answer = next(answer for answer in reversed(answers) if answer.HasField("dynamic_metadata"))
    fields = answer.dynamic_metadata.fields["envoy.lb"].struct_value.fields
    scores = fields[SCORES].struct_value.fields
    assert all(value.WhichOneof("kind") == "number_value" for value in scores.values())
    return pick_of(answer), {address: value.number_value for address, value in scores.items()}


def scoring(yard: Yard, most_endpoints: int = 3) -> Yard:
    settings = PickerSettings(emits_scores=True, most_endpoints=most_endpoints)
    yard.picker.apply(settings, yard.gateway.snapshot)
    return yard


@pytest.mark.parametrize("config", [FULL_DUPLEX, BUFFERED, STREAMED, NO_BODIES])
def test_scores_of_the_candidates(yard: Yard, config: Any) -> None:
    """By address; the first that is named has the highest."""
    yard.fleet(endpoint(A, waiting=2), endpoint(B), endpoint(C, waiting=4))
    picked, scores = scores_of(scoring(yard).call(), config)
    assert picked[0] == B
    assert set(scores) == set(picked)
    assert scores[B] > scores[A] > scores[C] >= 0


def test_candidates_that_are_not_named_have_scores_too(yard: Yard) -> None:
    """As in the original. What could not be picked has none."""
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", waiting=4), endpoint(C, "other"))
    picked, scores = scores_of(scoring(yard, most_endpoints=1).call(), FULL_DUPLEX)
    assert picked == [A]
    assert set(scores) == {A, B}
    yard.fleet(endpoint(A, "m"), endpoint(B, "m", ready=False))
    assert set(scores_of(yard.call(), FULL_DUPLEX)[1]) == {A}


def test_no_scores_unless_asked_for(yard: Yard) -> None:
    assert scores_of(yard.call(), FULL_DUPLEX)[1] == {}


def test_scoring_changes_no_pick_and_leaves_nothing_behind(yard: Yard) -> None:
    yard.fleet(endpoint(A, waiting=50), endpoint(B), endpoint(C, waiting=50))
    call = scoring(yard).call()
    assert scores_of(call, FULL_DUPLEX)[0][0] == B
    assert yard.in_flight() == {B: 1}
    call.response(end=True, metadata_context=served(B))
    yard.at_rest()


def test_a_request_for_another_pool_is_counted_and_told(yard: Yard, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(2):
        (answer,) = yard.call({POOL_KEY: "default/other"}).headers(("x-request-id", "r1"), protocol_config=NO_BODIES)
        assert answer.immediate_response.status.code == 503
    assert [(record.status, record.reason, record.request_id) for record in yard.records] == [
        (503, "unknown_pool", "r1")
    ] * 2
    (told,) = caplog.messages
    assert told.startswith("asked for default/other; this picker serves default/pool (")
    yard.at_rest()
