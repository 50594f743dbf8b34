from __future__ import annotations

from modelyard.sim.adapters import Adapters


def test_slots_limit_how_many_adapters_run() -> None:
    adapters = Adapters({"a": "/a", "b": "/b"}, max_running=1, max_ready=2)
    adapters.enter("a")
    assert adapters.fits("a")
    assert adapters.fits(""), "the base model needs no slot"
    assert not adapters.fits("b")
    adapters.leave("a")
    assert adapters.fits("b")


def test_an_adapter_is_brought_in_once_while_it_stays_ready() -> None:
    adapters = Adapters({"a": "/a"}, max_running=2, max_ready=2)
    assert adapters.enter("a")
    adapters.leave("a")
    assert not adapters.enter("a")
    assert adapters.misses == 1


def test_the_least_recently_used_adapter_makes_room_unless_it_runs() -> None:
    adapters = Adapters({}, max_running=3, max_ready=2)
    adapters.enter("a")
    adapters.load("b", "/b")
    adapters.load("c", "/c")
    assert set(adapters.ready) == {"a", "c"}


def test_the_base_model_is_never_brought_in() -> None:
    adapters = Adapters({}, max_running=1, max_ready=1)
    assert not adapters.enter("")
    adapters.leave("")
    assert not adapters.running


def test_unloading_forgets_the_name_but_not_what_runs() -> None:
    adapters = Adapters({"a": "/a"}, max_running=1, max_ready=1)
    adapters.enter("a")
    adapters.unload("a")
    assert "a" not in adapters.paths
    assert adapters.running["a"] == 1
    adapters.leave("a")
    assert not adapters.running


def test_waiting_counts_come_and_go() -> None:
    adapters = Adapters({"a": "/a"}, max_running=1, max_ready=1)
    adapters.queue("a")
    adapters.queue("")
    assert dict(adapters.waiting) == {"a": 1}
    adapters.dequeue("a")
    adapters.dequeue("")
    assert not adapters.waiting
