from __future__ import annotations

from modelyard.control.told_routes import ToldRoutes
from modelyard.lora.adapter import RayModel, ReplicaView
from modelyard.lora.lora_config import Wanted

SOON = frozenset({"sql-chat"})


def view(model: str, *names: str) -> ReplicaView:
    ray = RayModel(model_id=model, prefix="")
    want = tuple(Wanted(name=name, source=f"/{name}") for name in names)
    return ReplicaView(key=f"default/c {model}", url="http://127.9.0.1:8000/llm", ray=ray, want=want)


def test_the_models_of_one_address_are_told_together_and_forgotten_apart() -> None:
    routes = ToldRoutes()
    assert routes.tell(view("m"), {"a": "a@12345678"}, SOON) == ({"a": "m:a@12345678"}, SOON)
    both = {"a": "m:a@12345678", "b": "n:b@12345678"}
    assert routes.tell(view("n"), {"b": "b@12345678"}, frozenset()) == (both, SOON)
    routes.keep([view("n")])
    assert routes.tell(view("n"), {"b": ""}, frozenset()) == ({"b": ""}, frozenset())


def test_a_name_never_leads_to_the_adapter_of_another_model() -> None:
    routes, none = ToldRoutes(), frozenset[str]()
    assert routes.tell(view("m", "a"), {"a": "a@11111111"}, none) == ({"a": "m:a@11111111"}, none)
    assert routes.tell(view("n", "a"), {"a": "a@22222222"}, none) == ({"a": ""}, none)


def test_an_adapter_that_moves_to_another_model_is_found_there_whoever_tells_first() -> None:
    routes, none = ToldRoutes(), frozenset[str]()
    routes.tell(view("n"), {}, none)
    routes.tell(view("m", "a"), {"a": "a@11111111"}, frozenset({"a"}))
    routes.keep([view("m"), view("n", "a")])
    assert routes.tell(view("n", "a"), {"a": "a@22222222"}, none) == ({"a": "n:a@22222222"}, none)
    assert routes.tell(view("m"), {"a": ""}, none) == ({"a": "n:a@22222222"}, none)
