from __future__ import annotations

import msgspec

from modelyard.control.adapter_wishes import BY_HAND, DeploymentWish, HandMade
from modelyard.local.replica_plan import PortMapping, ReplicaPlan
from modelyard.lora.engine_limits import EngineLimits
from modelyard.lora.lora_config import Wanted
from modelyard.lora.wanted import DeploymentAdapters
from modelyard.resources.source_table import SourceTable

PLAN = ReplicaPlan(
    name="m-0",
    namespace="default",
    deployment="m",
    container="vllm",
    labels={},
    engine="vllm",
    address="127.8.0.1",
    ports=(PortMapping(container=8000, local=8000),),
    argv=("vllm",),
    env={},
    directory="/r",
    paths={"/models": "/here/models", "/adapters": "/here/adapters"},
    origins={"/models": "demo://"},
)


def wish(*adapters: tuple[str, str], sources: dict[str, str] | None = None) -> DeploymentWish:
    return DeploymentWish(
        adapters=DeploymentAdapters(want=tuple(Wanted(name=name, source=source) for name, source in adapters)),
        by_hand=HandMade(),
        limits=EngineLimits(),
        sources=SourceTable(entries=sources or {}),
        model="m",
    )


def placed(one: DeploymentWish) -> dict[str, str]:
    return {item.name: item.source for item in one.on(PLAN)}


def test_sources_are_where_they_are_on_this_machine() -> None:
    found = placed(
        wish(
            ("hub", "org/a"),
            ("revision", "org/a@v1"),
            ("mounted", "/adapters/x"),
            ("demo", "/models/food-review"),
            ("bucket", "gs://b/x"),
            ("nonsense", "ftp://x"),
        )
    )
    assert found == {
        "hub": "org/a",
        "revision": "org/a@v1",
        "mounted": "/here/adapters/x",
        "demo": "demo://food-review",
        "bucket": "gs://b/x",
        "nonsense": "ftp://x",
    }


def test_the_users_word_comes_first_by_source_or_by_name() -> None:
    sources = {"org/a": "demo://sql-chat", "named": "/elsewhere"}
    found = placed(wish(("one", "org/a"), ("named", "org/b"), sources=sources))
    assert found == {"one": "demo://sql-chat", "named": "/elsewhere"}


def test_what_people_ask_for_wins_over_the_manifests() -> None:
    by_hand = HandMade().wanting("a", "/mine").refusing("b").wanting("c", "/c").refusing("c")
    found = msgspec.structs.replace(wish(("a", "org/a"), ("b", "org/b")), by_hand=by_hand).on(PLAN)
    assert [(one.name, one.source, one.origin) for one in found] == [("a", "/mine", BY_HAND)]
    assert by_hand.absent == {"b", "c"}
    assert by_hand.wanting("b", "/b").absent == {"c"}
