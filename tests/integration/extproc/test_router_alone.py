"""A real Envoy that routes by what the body-based router sets; nothing behind it has the route chosen anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aiohttp
import envoy_modes
import pytest
from envoy_modes import needs_envoy, pieces, run, running

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

LIMITS = {"fds": 32 << 10, "buffered": 8 << 20, "partial": 32 << 10}
NAME = "x-gateway-model-name"


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with_picker = envoy_modes.bootstrap

    def without(*ports: Any, **settings: Any) -> dict[str, Any]:
        made = with_picker(*ports, **settings)
        (filters,) = made["static_resources"]["listeners"][0]["filter_chains"][0]["filters"]
        manager = filters["typed_config"]
        manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] != "picker"]
        for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
            del route["typed_per_filter_config"]
        return made

    monkeypatch.setattr(envoy_modes, "bootstrap", without)


@needs_envoy
@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("mode", ["fds", "buffered", "partial"])
def test_the_body_chooses_the_route_and_a_client_s_own_header_does_not(tmp_path: Path, mode: str) -> None:

    async def test() -> None:
        async with running(tmp_path, router_mode=mode, limit=LIMITS[mode]) as edge, aiohttp.ClientSession() as session:
            url = f"{edge.url}/routed/buffered/v1/completions"
            rest = {"prompt": "x" * 300_000}
            for ask in ({"model": "alias"}, {"model": "m"}, {"model": "alias", **rest}, {"model": "m", **rest}):
                body = json.dumps(ask).encode()
                for own in ({}, {NAME: "alias"}, {NAME: "forged"}):
                    for data in (body, pieces(body)):
                        async with session.post(url, data=data, headers=own) as answer:
                            assert answer.status == (200 if ask["model"] == "alias" else 404), (len(body), own)

    run(test)
