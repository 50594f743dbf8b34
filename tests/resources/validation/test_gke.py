from __future__ import annotations

import pytest

D = "spec.default"
HTTP = f"{D}.config.httpHealthCheck"


@pytest.mark.parametrize(
    "changes",
    [
        {f"{D}.timeoutSec": 2, f"{D}.checkIntervalSec": 2},
        {f"{D}.config": {"type": "GRPC", "grpcHealthCheck": {"grpcServiceName": "s", "port": 9003}}},
        {f"{D}.config": {"type": "TCP", "tcpHealthCheck": {}}},
        {HTTP: {"portSpecification": "USE_NAMED_PORT", "portName": "http", "requestPath": "/-/healthz"}},
        {"spec.targetRef": {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "p"}},
    ],
)
def test_valid(errors_with, changes):
    assert errors_with("HealthCheckPolicy", changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({f"{D}.checkIntervalSec": 0}, f"{D}.checkIntervalSec", "1 to 300"),
        ({f"{D}.healthyThreshold": 11}, f"{D}.healthyThreshold", "1 to 10"),
        ({f"{D}.timeoutSec": 10}, f"{D}.timeoutSec", "checkIntervalSec (5)"),
        ({f"{D}.config.type": "HTTPS"}, f"{D}.config.httpsHealthCheck", "is required"),
        ({f"{D}.config.type": "HTTPS"}, f"{D}.config.httpHealthCheck", "must not be set"),
        ({f"{HTTP}.requestPath": "health"}, f"{HTTP}.requestPath", "starts with '/'"),
        ({HTTP: {"portSpecification": "USE_FIXED_PORT"}}, f"{HTTP}.port", "is required"),
        ({HTTP: {"portSpecification": "USE_NAMED_PORT"}}, f"{HTTP}.portName", "is required"),
        ({f"{HTTP}.portSpecification": "USE_SERVING_PORT"}, HTTP, "neither"),
        ({f"{HTTP}.requstPath": "/"}, f"{HTTP}.requstPath", "did you mean 'requestPath'?"),
    ],
)
def test_invalid(errors_with, changes, path, message):
    errors = errors_with("HealthCheckPolicy", changes)
    assert any(error.path == path and message in str(error) for error in errors), errors
