from __future__ import annotations

from modelyard.control.front_door import front_door
from modelyard.resources.gateway import Gateway
from modelyard.resources.http_route import HTTPRoute
from modelyard.resources.inference import InferencePool
from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

SERVER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: %(name)s, namespace: %(namespace)s}
spec:
  selector: {matchLabels: {app: %(name)s}}
  template:
    metadata: {labels: {app: %(name)s}}
    spec: {containers: [{name: vllm, image: vllm/vllm-openai:v0.32.0, args: [%(args)s]}]}
"""
ONE = SERVER % {
    "name": "one",
    "namespace": "default",
    "args": "--model=org/one, --port=9000, --lora-modules, food=org/food",
}
TWO = SERVER % {"name": "two", "namespace": "ml", "args": "serve, --model, org/two, --served-model-name, b, c"}
OTHER = SERVER.replace("vllm/vllm-openai", "nginx") % {"name": "web", "namespace": "default", "args": ""}
GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: g}
spec: {gatewayClassName: modelyard, listeners: [{name: http, port: 80, protocol: HTTP}]}
"""


def resources(*documents: str) -> ResourceSet:
    loaded = load_documents("---".join(documents), "x.yaml")
    assert loaded.errors == ()
    return ResourceSet.of(loaded.objects)[0]


def test_one_model_server_gets_everything() -> None:
    gateway, pool, route = front_door(resources(ONE, OTHER))
    assert isinstance(gateway, Gateway)
    assert isinstance(pool, InferencePool)
    assert isinstance(route, HTTPRoute)
    assert [target.number for target in pool.spec.target_ports] == [9000]
    assert [match.headers for rule in route.spec.rules for match in rule.matches] in ([], [()])


def test_several_are_told_apart_by_the_models_that_they_serve() -> None:
    added = front_door(resources(ONE, TWO))
    routes = {item.metadata.name: item for item in added if isinstance(item, HTTPRoute)}
    names = {
        name: [match.headers[0].value for match in route.spec.rules[0].matches][::2] for name, route in routes.items()
    }
    assert names == {"modelyard-one": ["org/one", "food"], "modelyard-two": ["b", "c"]}
    assert routes["modelyard-two"].metadata.namespace == "ml"


def test_what_is_added_has_no_fault_and_is_attached() -> None:
    written = resources(ONE, TWO)
    joined, errors = ResourceSet.of([*written, *front_door(written)])
    assert errors == ()
    snapshot = build_snapshot(joined)
    assert not snapshot.problems
    assert len(snapshot.pools) == 2


def test_who_has_a_gateway_or_no_model_server_needs_none() -> None:
    assert front_door(resources(ONE, GATEWAY)) == ()
    assert front_door(resources(OTHER)) == ()
