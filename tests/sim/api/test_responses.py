from __future__ import annotations

from typing import Any

import pytest

from modelyard.sim.api.errors import ApiError
from modelyard.sim.api.responses import Responses


def test_a_whole_response_is_one_message(jobs: Any) -> None:
    answer = jobs.whole(Responses(), input="hi", instructions="be brief")
    assert answer["status"] == "completed"
    assert answer["output"][0]["content"][0]["text"].startswith("[simulated]")
    assert answer["metadata"] == {"simulated_by": "modelyard-sim"}
    assert answer["usage"]["output_tokens"] == 4


def test_a_response_that_was_cut_is_incomplete(jobs: Any) -> None:
    answer = jobs.whole(Responses(), input="hi", max_output_tokens=2)
    assert (answer["status"], answer["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})


def test_events_are_numbered_and_in_order(jobs: Any) -> None:
    events = jobs.data(jobs.stream(Responses(), input=[{"role": "user", "content": "hi"}]))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"].removeprefix("response.") for event in events]
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert set(kinds[4:-4]) == {"output_text.delta"}
    assert kinds[-4:] == ["output_text.done", "content_part.done", "output_item.done", "completed"]
    assert "".join(event["delta"] for event in events[4:-4]) == events[-4]["text"]


@pytest.mark.parametrize("body", [{}, {"input": 3}, {"input": []}, {"input": "x", "max_output_tokens": 0}])
def test_wrong_input_is_refused(jobs: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        jobs.ask(Responses(), **body)
    assert caught.value.status == 400


def test_earlier_responses_are_not_kept(jobs: Any) -> None:
    with pytest.raises(ApiError) as caught:
        jobs.ask(Responses(), input="x", previous_response_id="resp_1")
    assert caught.value.status == 404
