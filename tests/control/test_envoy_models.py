"""Envoy answers ``GET /v1/models`` as the gateway does."""

from __future__ import annotations

import json

from modelyard.control.envoy_models import ListedModelPaths
from modelyard.control.url_resources import url_endpoints, url_resources
from modelyard.fleet.endpoints import Endpoint, EndpointState, ServedModel
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import build_snapshot


def test_one_path_for_the_list_and_one_for_each_model() -> None:
    snapshot = build_snapshot(ResourceSet.of(url_resources())[0])
    [group] = snapshot.table.groups
    [url] = url_endpoints(["http://192.0.2.1:8000"])
    key: BackendKey = url.backend
    state = EndpointState(
        endpoint=Endpoint(address=url.address, name="a"),
        models=(ServedModel(id="org/base"), ServedModel(id="adapter", parent="org/base")),
    )
    listed = ListedModelPaths()
    listed.swap(snapshot)
    fleet = Fleet(backends={key: BackendFleet(key=key, endpoints=(state,), version=1)}, version=1)
    [paths] = listed.paths(fleet, [group, "unknown"]).values()
    assert sorted(paths) == ["/v1/models", "/v1/models/adapter", "/v1/models/org/base"]
    assert [item["id"] for item in json.loads(paths["/v1/models"])["data"]] == ["adapter", "org/base"]
    assert json.loads(paths["/v1/models/adapter"])["parent"] == "org/base"
