from __future__ import annotations

import pytest

from modelyard.control.ext_proc.metrics_place import MetricsPlace
from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.fleet import BackendKey

KEY = BackendKey(kind="InferencePool", namespace="default", name="chat")


@pytest.mark.parametrize(
    ("place", "address", "url"),
    [
        (MetricsPlace(port=8080), "10.0.0.1:8000", "http://10.0.0.1:8080/metrics"),
        (MetricsPlace(path="/stats"), "10.0.0.1:8000", "http://10.0.0.1:8000/stats"),
        (MetricsPlace(scheme="https"), "[::1]:8000", "https://[::1]:8000/metrics"),
    ],
)
def test_metrics_of_every_endpoint_are_there(place: MetricsPlace, address: str, url: str) -> None:
    backend = BackendSpec(key=KEY, endpoints=(EndpointSpec(endpoint=Endpoint(address=address)),))
    (spec,) = place.of_all({KEY: backend})[KEY].endpoints
    assert (spec.endpoint.address, spec.endpoint.metrics_url) == (address, url)
