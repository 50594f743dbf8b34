from __future__ import annotations

from modelyard.shortform.routing import routing
from modelyard.shortform.target import Manifest, Setting, Target

from .yards import FOLDER, yard

MODELS = [
    {"name": "llama", "source": "org/l", "adapters": [{"name": "food", "source": "org/f", "criticality": "Sheddable"}]},
    {"name": "alpaca", "source": "org/a", "criticality": "Critical"},
]
ROUTES = [{"name": "chat", "split": {"llama": 60, "food": 15, "alpaca": 25}, "criticality": "Critical"}]


def made(target: Target, routes: list[Manifest] = ROUTES, gateway: Manifest | None = None) -> dict[str, Manifest]:
    written = yard(models=MODELS, routes=routes, gateway=gateway or {})
    found = routing(Setting(yard=written, target=target, folder=FOLDER))
    return {f"{item['kind']}/{item['metadata']['name']}": item["spec"] for item in found}


def test_every_model_and_adapter_has_a_route_by_name():
    rules = made(Target.LOCAL)["HTTPRoute/llama"]["rules"]
    assert [match["headers"][0] for match in rules[0]["matches"]] == [
        {"name": "X-Gateway-Model-Name", "value": "llama"},
        {"name": "X-Gateway-Model-Name", "value": "food"},
        {"name": "X-Gateway-Base-Model-Name", "value": "llama"},
    ]


def test_a_split_shares_among_pools_then_inside_each():
    found = made(Target.LOCAL)
    backends = found["HTTPRoute/chat"]["rules"][0]["backendRefs"]
    assert [(item["name"], item["weight"]) for item in backends] == [("llama", 75), ("alpaca", 25)]
    inside = found["InferenceModel/chat.llama"]
    assert inside["modelName"] == "chat"
    assert inside["targetModels"] == [{"name": "llama", "weight": 60}, {"name": "food", "weight": 15}]
    assert inside["criticality"] == "Critical"
    assert found["InferenceModel/chat.alpaca"]["targetModels"] == [{"name": "alpaca", "weight": 25}]


def test_a_weight_of_0_gets_nothing():
    found = made(Target.LOCAL, [{"name": "chat", "split": {"llama": 0, "food": 1, "alpaca": 0}}])
    assert [item["name"] for item in found["HTTPRoute/chat"]["rules"][0]["backendRefs"]] == ["llama"]
    assert found["InferenceModel/chat.llama"]["targetModels"] == [{"name": "food", "weight": 1}]
    assert "InferenceModel/chat.alpaca" not in found


def test_criticality_is_an_inference_model_here_and_an_objective_on_a_cluster():
    here, cluster = made(Target.LOCAL), made(Target.KUBERNETES)
    assert here["InferenceModel/food"]["criticality"] == "Sheddable"
    assert here["InferenceModel/alpaca"]["criticality"] == "Critical"
    assert {name for name in cluster if name.startswith("InferenceObjective")} == {
        "InferenceObjective/llama.critical",
        "InferenceObjective/llama.sheddable",
        "InferenceObjective/alpaca.critical",
    }
    assert cluster["InferenceObjective/llama.sheddable"]["priority"] == -1
    assert not any(name.startswith("InferenceModel/") for name in cluster)
    (rule,) = cluster["InferenceModelRewrite/chat.llama"]["rules"]
    assert rule["matches"] == [{"model": {"type": "Exact", "value": "chat"}}]
    assert rule["targets"] == [{"modelRewrite": "llama", "weight": 60}, {"modelRewrite": "food", "weight": 15}]


def test_the_gateway_is_as_written():
    spec = made(Target.LOCAL, gateway={"port": 8000, "hostname": "a.example", "className": "istio"})["Gateway/y"]
    assert spec == {
        "gatewayClassName": "istio",
        "listeners": [{"name": "http", "protocol": "HTTP", "port": 8000, "hostname": "a.example"}],
    }
