from __future__ import annotations

from collections.abc import Mapping

import pytest

from modelyard.fleet.adapter_names import Served, awaited_names, client_load, first_base, served_names
from modelyard.fleet.endpoints import Endpoint, EndpointState, EngineLoad, ServedModel

ADAPTER = "food-review"
OLD, NEW = f"{ADAPTER}@00000000", f"{ADAPTER}@1a2b3c4d"


def state(
    *models: str,
    engine: str = "vllm",
    names: Mapping[str, str] | None = None,
    expected: frozenset[str] = frozenset(),
) -> EndpointState:
    """Models as ``id`` or ``id<parent``."""
    served = tuple(ServedModel(id=m.partition("<")[0], parent=m.partition("<")[2] or None) for m in models)
    endpoint = Endpoint(address="127.0.0.1:1", engine=engine)
    return EndpointState(endpoint=endpoint, models=served or None, adapter_names=names or {}, expected=expected)


def visible(found: EndpointState) -> dict[str, str | None]:
    return {name: served.parent for name, served in served_names(found).items() if not served.hidden}


def test_names_are_their_own_where_nothing_says_otherwise() -> None:
    assert served_names(state("base", "sql<base")) == {"base": Served("base"), "sql": Served("sql", "base")}
    assert served_names(state()) == {}


def test_a_mapping_decides_which_version_a_name_means() -> None:
    found = state("base", f"{OLD}<base", f"{NEW}<base", names={ADAPTER: NEW})
    assert served_names(found)[ADAPTER] == Served(NEW, "base")
    assert visible(found) == {"base": None, ADAPTER: "base"}


def test_versions_are_hidden_whoever_loaded_them_but_base_models_never() -> None:
    assert visible(state("base@1a2b3c4d", f"{NEW}<base@1a2b3c4d")) == {"base@1a2b3c4d": None}


@pytest.mark.parametrize("engine_name", [NEW, ""])
def test_a_mapping_to_what_is_not_listed_takes_the_name_away(engine_name: str) -> None:
    """The listed one has other weights, or is about to be unloaded."""
    assert ADAPTER not in served_names(state("base", f"{ADAPTER}<base", names={ADAPTER: engine_name}))


def test_ray_names_its_adapters_after_their_base() -> None:
    found = state("org/base", "org/base:sql", "org/base:a:b", "other:sql", engine="ray-serve")
    assert visible(found) == {"org/base": None, "other:sql": None, "sql": "org/base", "a:b": "org/base"}
    assert served_names(found)["sql"] == Served("org/base:sql", "org/base")
    assert served_names(found)["org/base:sql"].hidden


def test_rays_versions_are_hidden_and_mapped_as_well() -> None:
    found = state("base", f"base:{NEW}", engine="ray-serve", names={ADAPTER: f"base:{NEW}"})
    assert visible(found) == {"base": None, ADAPTER: "base"}


def test_a_colon_means_nothing_to_other_engines() -> None:
    assert set(served_names(state("base", "base:sql"))) == {"base", "base:sql"}


def test_what_is_awaited() -> None:
    found = state("base", names={"a": "a@1a2b3c4d", "gone": ""}, expected=frozenset({"b"}))
    assert sorted(awaited_names(found)) == ["a", "b"]
    assert first_base(state("sql<base", "base")) == "base"
    assert first_base(state()) is None


def test_loads_name_adapters_as_clients_do() -> None:
    load = EngineLoad(at=1.0, waiting=3, running_loras=frozenset({NEW, "x"}), waiting_loras=frozenset({NEW}))
    seen = client_load(load, {ADAPTER: NEW})
    assert (seen.running_loras, seen.waiting_loras, seen.waiting) == ({ADAPTER, "x"}, {ADAPTER}, 3)
    assert client_load(load, {"other": "else"}) is load


def test_one_adapters_name_on_two_of_rays_models_leads_to_neither() -> None:
    found = state("base", "other", "base:sql", "other:sql", "other:food", engine="ray-serve")
    assert visible(found) == {
        "base": None,
        "other": None,
        "base:sql": "base",
        "other:sql": "other",
        "food": "other",
    }
    versions = state("base", "other", f"base:{NEW}", f"other:{NEW}", engine="ray-serve", names={ADAPTER: f"base:{NEW}"})
    assert visible(versions) == {"base": None, "other": None, ADAPTER: "base"}
