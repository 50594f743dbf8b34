"""What Envoy with pickers is configured from."""

from __future__ import annotations

from pathlib import Path

import yaml
from benchmarks.peers.envoy_picker import EnvoyEppBbr, EnvoyFilters, EnvoyMinimal, EnvoyPicker
from benchmarks.processes import Cores

from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot

ENDPOINTS = ["127.9.1.1:18000", "127.9.1.2:18000"]


def resources(kind: type[EnvoyPicker], folder: Path) -> ResourceSet:
    text = yaml.safe_dump_all(kind(folder, ENDPOINTS, Cores()).documents())
    loaded = load_documents(text, "bench.yaml")
    assert not loaded.errors
    found, _ = ResourceSet.of(loaded.objects)
    assert not build_snapshot(found).problems
    return found


def test_route_by_path_asks_no_router(tmp_path: Path) -> None:
    (route,) = resources(EnvoyMinimal, tmp_path).http_routes.values()
    assert [match.headers for rule in route.spec.rules for match in rule.matches] == [()]


def test_route_by_model_asks_the_router(tmp_path: Path) -> None:
    (route,) = resources(EnvoyEppBbr, tmp_path).http_routes.values()
    (match,) = route.spec.rules[0].matches
    assert match.headers[0].name == "X-Gateway-Model-Name"


def test_requests_can_pass_the_filters_unasked(tmp_path: Path) -> None:
    (route,) = resources(EnvoyFilters, tmp_path).http_routes.values()
    assert [rule.backend_refs[0].name for rule in route.spec.rules] == ["past", "bench"]
