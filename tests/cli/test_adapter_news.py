from __future__ import annotations

import pytest

from modelyard.cli.adapter_news import AdapterNews, line_of, under_way
from modelyard.lora.condition import AdapterStatus, Reason


def status(reason: Reason, message: str = "", adapter: str = "food") -> AdapterStatus:
    loaded = reason in (Reason.LOADED, Reason.SWAPPING)
    return AdapterStatus(adapter=adapter, replica="default/m-0", loaded=loaded, reason=reason, message=message)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_said_or_waited_for(reason: Reason) -> None:
    one = status(reason)
    assert (list(AdapterNews().changed([one])) == [one]) is not (under_way([one]) == [one])


def test_each_change_is_said_once() -> None:
    news = AdapterNews()
    loaded, refused = status(Reason.LOADED), status(Reason.ENGINE_REFUSED, "it is damaged")
    assert list(news.changed([status(Reason.LOADING)])) == []
    assert list(news.changed([loaded])) == [loaded]
    assert list(news.changed([loaded])) == []
    assert list(news.changed([status(Reason.REPLACING)])) == []
    assert list(news.changed([refused])) == [refused]
    assert list(news.changed([])) == []
    assert list(news.changed([refused])) == [refused]


def test_problems_are_said_when_they_come() -> None:
    news = AdapterNews()
    assert news.new_problems(["b", "a"]) == ["a", "b"]
    assert news.new_problems(["b"]) == []
    assert news.new_problems(["a", "b"]) == ["a"]


def test_a_line_says_why() -> None:
    assert line_of(status(Reason.LOADED)) == "adapter food on default/m-0: loaded"
    assert line_of(status(Reason.SWAPPING, "slower")) == "adapter food on default/m-0: loaded (Swapping): slower"
    refused = status(Reason.RANK_TOO_HIGH, "start it with --max-lora-rank=16")
    assert line_of(refused) == "adapter food on default/m-0: not loaded (RankTooHigh): start it with --max-lora-rank=16"
