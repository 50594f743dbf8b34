from __future__ import annotations

import random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.lora.lora_config import client_name
from modelyard.lora.plan import DRAIN_LIMIT, GRACE, Held, Load, Plan, Situation, Unload, Version, owned, plan

OLD, NEW = Version(path="/store/food@aaaa", suffix="aaaaaaaa"), Version(path="/store/food@bbbb", suffix="bbbbbbbb")


def held(**names: str) -> tuple[Held, ...]:
    return tuple(Held(engine_name=name.replace("__", "@"), path=path) for name, path in names.items())


def test_the_first_version_is_loaded_under_its_plain_name() -> None:
    planned = plan(Situation(want={"food": OLD}))
    assert planned.actions == (Load(name="food", engine_name="food", version=OLD),)
    assert planned.routes == {}
    assert planned.expected == {"food"}


def test_what_is_loaded_is_routed_and_left_alone() -> None:
    planned = plan(Situation(want={"food": OLD}, held=held(food=OLD.path), ours=frozenset({"food"})))
    assert planned == Plan(routes={"food": "food"})


def test_a_new_version_is_loaded_beside_the_old_one_which_serves_meanwhile() -> None:
    planned = plan(Situation(want={"food": NEW}, held=held(food=OLD.path), routed={"food": "food"}))
    assert planned.actions == (Load(name="food", engine_name="food@bbbbbbbb", version=NEW),)
    assert planned.routes == {"food": "food"}
    assert not planned.expected


def test_traffic_moves_when_the_new_version_is_there_and_the_old_one_waits_for_its_requests() -> None:
    both = held(food=OLD.path, food__bbbbbbbb=NEW.path)
    first = plan(Situation(want={"food": NEW}, held=both, routed={"food": "food"}, now=100.0))
    assert first.routes == {"food": "food@bbbbbbbb"}
    assert first.actions == ()
    assert first.retired == {"food": 100.0}
    assert first.again == 100.0 + GRACE

    later = Situation(want={"food": NEW}, held=both, routed=first.routes, retired=first.retired, now=100.0 + GRACE)
    busy = plan(msgspec.structs.replace(later, busy=frozenset({"food"})))
    assert busy.actions == ()
    assert busy.retired == {"food": 100.0}
    assert plan(later).actions == (Unload(engine_name="food"),)
    stuck = msgspec.structs.replace(later, busy=frozenset({"food"}), now=100.0 + DRAIN_LIMIT)
    assert plan(stuck).actions == (Unload(engine_name="food"),)


def test_a_third_version_waits_for_nothing_and_may_take_the_plain_name_again() -> None:
    third = Version(path="/store/food@cccc", suffix="cccccccc")
    planned = plan(
        Situation(want={"food": third}, held=held(food__bbbbbbbb=NEW.path), routed={"food": "food@bbbbbbbb"})
    )
    assert planned.actions == (Load(name="food", engine_name="food", version=third),)
    assert planned.routes == {"food": "food@bbbbbbbb"}


def test_what_nobody_wants_goes_only_if_it_is_ours() -> None:
    situation = Situation(want={}, held=held(food=OLD.path, theirs="/somewhere"), ours=frozenset({"food"}), now=5.0)
    assert plan(situation).retired == {"food": 5.0}
    after = plan(msgspec.structs.replace(situation, retired={"food": 5.0}, now=5.0 + GRACE))
    assert after.actions == (Unload(engine_name="food"),)


def test_without_a_name_beside_the_new_version_replaces_the_old_one_in_one_step() -> None:
    planned = plan(Situation(want={"food": NEW}, held=held(food=OLD.path), beside=False))
    assert planned.actions == (
        Load(name="food", engine_name="food", version=NEW, instead=Held(engine_name="food", path=OLD.path)),
    )


def test_a_base_models_name_is_never_an_adapters() -> None:
    planned = plan(Situation(want={"llama": OLD}, held=(), reserved=frozenset({"llama"})))
    assert planned == Plan()


def test_a_source_that_is_not_there_yet_changes_nothing_of_what_serves() -> None:
    planned = plan(Situation(want={"food": None}, held=held(food=OLD.path), routed={"food": "food"}))
    assert planned == Plan(routes={"food": "food"})


def test_slots_bound_new_names_and_leave_room_for_a_new_version() -> None:
    full = Situation(want={"food": NEW, "sql": OLD}, held=held(food=OLD.path), slots=1)
    assert [action.engine_name for action in plan(full).actions] == ["food@bbbbbbbb"]


def test_what_an_earlier_process_loaded_is_known_by_its_folder() -> None:
    listed = held(food="/store/food@aaaa", other="/elsewhere/other", gone__12345678="/elsewhere/gone")
    assert owned(listed, loaded=set(), absent={"gone"}, folder="/store") == {"food", "gone@12345678"}
    assert owned(listed, loaded={"other"}, absent=set(), folder="") == {"other"}


class Engine:
    """vLLM's registry, and requests that are on their way to it or run in it."""

    def __init__(self) -> None:
        self.adapters: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        """(engine name, path that it must meet)."""

    def do(self, action: Load | Unload) -> None:
        if isinstance(action, Unload):
            del self.adapters[action.engine_name]
        else:
            if action.instead:
                del self.adapters[action.instead.engine_name]
            assert action.engine_name not in self.adapters
            self.adapters[action.engine_name] = action.version.path


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_traffic_always_meets_a_version_of_its_own_adapter_and_the_last_wish_comes_true(seed: int) -> None:
    """Wishes change at random; engines fail at random; requests decided on are on their way for up to GRACE."""
    rng = random.Random(seed)
    names = ["food", "sql", "llama"]
    versions = {name: [Version(path=f"/store/{name}@{i}", suffix=f"{i:08x}") for i in range(3)] for name in names}
    engine, want = Engine(), {}
    routed: dict[str, str] = {}
    retired: dict[str, float] = {}
    now = 0.0
    under_way: list[tuple[float, str]] = []
    for step in range(60):
        changing = step < 40
        if changing and rng.random() < 0.3:
            want = {name: rng.choice([*versions[name], None]) for name in names if rng.random() < 0.7}
        if not changing:
            want = {name: version or versions[name][0] for name, version in want.items()}
        if changing and rng.random() < 0.05:
            engine, routed, retired, under_way = Engine(), {}, {}, []
        busy = frozenset(name for _, name in under_way if rng.random() < 0.9)
        listed = tuple(Held(engine_name=name, path=path) for name, path in engine.adapters.items())
        planned = plan(
            Situation(
                want=want,
                held=listed,
                ours=owned(listed, loaded=set(), absent=set(), folder="/store"),
                reserved=frozenset({"llama"}),
                routed=routed,
                retired=retired,
                busy=busy,
                now=now,
            )
        )
        for name, engine_name in planned.routes.items():
            assert client_name(engine_name) == name
            assert engine.adapters[engine_name].startswith(f"/store/{name}@")
            if name in routed and routed[name] != engine_name:
                version = want[name]
                assert version is not None
                assert engine.adapters[engine_name] == version.path
        assert "llama" not in planned.routes
        assert not any(one.engine_name == "llama" for one in planned.actions)
        routed, retired = dict(planned.routes), dict(planned.retired)
        under_way = [(at, name) for at, name in under_way if now - at < GRACE]
        under_way += [(now, engine_name) for engine_name in routed.values()]
        if planned.actions and rng.random() < 0.8:
            action = planned.actions[0]
            if isinstance(action, Unload):
                assert action.engine_name not in routed.values()
                assert action.engine_name not in {name for _, name in under_way}
            engine.do(action)
        now += rng.choice([0.1, 1.0, 2.0]) if changing else GRACE
    assert engine.adapters.keys() == set(routed.values())
    assert {name: engine.adapters[routed[name]] for name in routed} == {
        name: version.path for name, version in want.items() if version is not None and name != "llama"
    }


def test_an_engine_that_keeps_names_gets_a_name_of_its_own_for_each_version() -> None:
    planned = plan(Situation(want={"food": OLD}, plain=False))
    assert planned.actions == (Load(name="food", engine_name="food@aaaaaaaa", version=OLD),)
    there = plan(Situation(want={"food": OLD}, held=held(food__aaaaaaaa=OLD.path), plain=False))
    assert there == Plan(routes={"food": "food@aaaaaaaa"})
