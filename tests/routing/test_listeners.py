from __future__ import annotations

from modelyard.routing.listeners import Listener, group_id


def test_a_group_is_a_gateway_and_a_port() -> None:
    listener = Listener(namespace="infra", gateway="edge", name="http", port=80, protocol="HTTP")
    assert listener.group == group_id("infra", "edge", 80) == "infra/edge:80"
    assert listener.id == "infra/edge/http"
