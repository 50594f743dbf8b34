from __future__ import annotations

from modelyard.control.told_routes import ToldRoutes
from modelyard.lora.adapter import RayModel, ReplicaView

SOON = frozenset({"sql-chat"})


def view(model: str) -> ReplicaView:
    ray = RayModel(model_id=model, prefix="")
    return ReplicaView(key=f"default/c {model}", url="http://127.9.0.1:8000/llm", ray=ray)


def test_the_models_of_one_address_are_told_together_and_forgotten_apart() -> None:
    routes = ToldRoutes()
    assert routes.tell(view("m"), {"a": "a@12345678"}, SOON) == ({"a": "m:a@12345678"}, SOON)
    both = {"a": "m:a@12345678", "b": "n:b@12345678"}
    assert routes.tell(view("n"), {"b": "b@12345678"}, frozenset()) == (both, SOON)
    routes.keep([view("n")])
    assert routes.tell(view("n"), {"b": ""}, frozenset()) == ({"b": ""}, frozenset())
