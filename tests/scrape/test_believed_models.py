from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.fleet.endpoints import ServedModel
from modelyard.scrape.believed_models import BelievedModels

BASE = ServedModel(id="base")
SQL = ServedModel(id="sql", parent="base")
RAY = ServedModel(id="base:sql")


def ids(believed: BelievedModels) -> list[str] | None:
    return None if believed.models is None else [model.id for model in believed.models]


def test_a_list_is_believed() -> None:
    believed = BelievedModels()
    assert believed.models is None
    assert believed.read((BASE, SQL), 1.0)
    assert not believed.read((BASE, SQL), 2.0)
    assert ids(believed) == ["base", "sql"]
    assert believed.read(None, 3.0)
    assert believed.models is None


def test_who_loaded_an_adapter_is_believed_until_a_list_that_was_asked_for_later() -> None:
    believed = BelievedModels()
    believed.read((BASE,), 1.0)
    assert believed.vouch(["sql"], 2.0)
    assert believed.models == (BASE, SQL)
    assert not believed.read((BASE,), 1.5)  # asked for before the load, so it says nothing of it
    assert believed.models == (BASE, SQL)
    assert believed.read((BASE,), 3.0)
    assert believed.models == (BASE,)


def test_nothing_is_made_up_where_no_list_is_known() -> None:
    believed = BelievedModels()
    assert not believed.vouch(["sql"], 2.0)
    assert believed.models is None


def test_an_endpoint_that_was_away_keeps_its_base_models_only() -> None:
    believed = BelievedModels()
    believed.read((BASE, SQL, RAY), 1.0)
    assert believed.doubt_adapters(2.0)
    assert ids(believed) == ["base"]
    assert not believed.read((BASE, SQL, RAY), 1.5)
    assert ids(believed) == ["base"]
    believed.vouch(["sql"], 2.5)
    assert ids(believed) == ["base", "sql"]
    assert believed.read((BASE, SQL, RAY), 3.0)
    assert ids(believed) == ["base", "sql", "base:sql"]


def test_an_adapter_that_answered_404_is_not_believed_until_it_is_listed_anew() -> None:
    believed = BelievedModels()
    believed.read((BASE, SQL, RAY), 1.0)
    assert believed.doubt("sql", 2.0)
    assert not believed.read((BASE, SQL, RAY), 1.9)
    assert ids(believed) == ["base", "base:sql"]
    believed.read((BASE, SQL, RAY), 2.1)
    assert ids(believed) == ["base", "sql", "base:sql"]


EVENTS = st.lists(st.sampled_from(["read", "read without", "stale", "vouch", "doubt", "away"]), max_size=20)


@given(EVENTS)
def test_after_a_fresh_list_nothing_else_counts(events: list[str]) -> None:
    believed = BelievedModels()
    now = 0.0
    for event in events:
        now += 1.0
        match event:
            case "read":
                believed.read((BASE, SQL), now)
            case "read without":
                believed.read((BASE,), now)
            case "stale":
                believed.read((BASE, SQL), now - 2.5)
            case "vouch":
                believed.vouch(["sql"], now)
            case "doubt":
                believed.doubt("sql", now)
            case _:
                believed.doubt_adapters(now)
        assert believed.models is None or believed.models[0] == BASE
    believed.read((BASE, SQL), now + 1.0)
    assert believed.models == (BASE, SQL)
