from __future__ import annotations

import pytest

from modelyard.sim.api.control import unknown
from modelyard.sim.api.routes import api_routes, find, metrics_routes
from modelyard.sim.settings import SimSettings

VLLM, RAY = SimSettings(), SimSettings(flavour="ray")


def served(settings: SimSettings, method: str, path: str) -> bool:
    route = find(api_routes(settings), settings, method, path)
    return route is not None and route.handler is not unknown


@pytest.mark.parametrize(
    ("path", "vllm", "ray"),
    [
        ("/v1/chat/completions", True, True),
        ("/v1/responses", True, False),
        ("/v1/messages", True, False),
        ("/v1/rerank", True, False),
        ("/v1/load_lora_adapter", False, False),
        ("/sim/faults", True, True),
        ("/nothing", False, False),
    ],
)
def test_which_flavour_has_what(path: str, vllm: bool, ray: bool) -> None:
    assert (served(VLLM, "POST", path), served(RAY, "POST", path)) == (vllm, ray)


def test_lora_calls_need_lora_and_the_permission_to_change_it() -> None:
    path = "/v1/load_lora_adapter"
    assert served(SimSettings(enable_lora=True), "POST", path)
    assert not served(SimSettings(enable_lora=True, runtime_lora=False), "POST", path)
    assert not served(SimSettings(enable_lora=True, flavour="ray"), "POST", path)


def test_metrics_move_to_their_own_port() -> None:
    assert served(VLLM, "GET", "/metrics")
    own = SimSettings(metrics_port=8080, metrics_path="/m")
    assert not served(own, "GET", "/m")
    assert list(metrics_routes(own)) == ["/m"]
    assert metrics_routes(SimSettings(metrics_dialect="none")) == {}


def test_methods() -> None:
    assert find(api_routes(VLLM), VLLM, "GET", "/v1/chat/completions") is None
    assert served(VLLM, "HEAD", "/health")
    assert served(RAY, "GET", "/v1/models/org/name")
    assert not served(VLLM, "GET", "/v1/models/org/name")
