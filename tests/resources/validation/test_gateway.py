from __future__ import annotations

import pytest

L0 = "spec.listeners[0]"
TLS = {"certificateRefs": [{"name": "cert"}]}


@pytest.mark.parametrize(
    "changes",
    [
        {f"{L0}.hostname": "*.example.com"},
        {f"{L0}.protocol": "HTTPS", f"{L0}.tls": TLS},
        {f"{L0}.protocol": "example.com/custom"},
        {f"{L0}.allowedRoutes": {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"a": "b"}}}}},
        {"spec.listeners[1]": {"name": "b", "port": 80, "protocol": "HTTP", "hostname": "a.example"}},
        {"spec.addresses": [{"value": "127.0.0.1"}, {"type": "Hostname", "value": "a.example"}]},
        {"spec.infrastructure": {"labels": {"a": "b"}}},
    ],
)
def test_valid_gateways(errors_with, changes):
    assert errors_with("Gateway", changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"spec.listeners": []}, "spec.listeners", "1 to 64 listeners"),
        ({f"{L0}.name": "A"}, f"{L0}.name", "no DNS name"),
        ({f"{L0}.port": 0}, f"{L0}.port", "allowed: 1 to 65535"),
        ({f"{L0}.port": 65536}, f"{L0}.port", "allowed: 1 to 65535"),
        ({f"{L0}.protocol": "http"}, f"{L0}.protocol", "did you mean 'HTTP'?"),
        ({f"{L0}.hostname": "10.0.0.1"}, f"{L0}.hostname", "IP address"),
        ({f"{L0}.hostname": "a.example:80"}, f"{L0}.hostname", "without a port"),
        ({f"{L0}.hostname": "*"}, f"{L0}.hostname", "no host name"),
        ({f"{L0}.hostname": "a.*.example"}, f"{L0}.hostname", "no host name"),
        ({f"{L0}.protocol": "TCP", f"{L0}.hostname": "a"}, f"{L0}.hostname", "protocol TCP"),
        ({f"{L0}.tls": TLS}, f"{L0}.tls", "must not be set for protocol HTTP"),
        ({f"{L0}.protocol": "TLS"}, f"{L0}.tls", "is required"),
        ({f"{L0}.protocol": "HTTPS", f"{L0}.tls": {}}, f"{L0}.tls.certificateRefs", "is required"),
        (
            {f"{L0}.protocol": "HTTPS", f"{L0}.tls": {"mode": "Passthrough"}},
            f"{L0}.tls.mode",
            "must be Terminate",
        ),
        (
            {"spec.listeners[1]": {"name": "http", "port": 81, "protocol": "HTTP"}},
            "spec.listeners[1].name",
            "two listeners",
        ),
        ({"spec.listeners[1]": {"name": "b", "port": 80, "protocol": "HTTP"}}, "spec.listeners[1]", "port, protocol"),
        (
            {f"{L0}.allowedRoutes": {"namespaces": {"from": "Selector"}}},
            f"{L0}.allowedRoutes.namespaces.selector",
            "is required",
        ),
        (
            {f"{L0}.allowedRoutes": {"namespaces": {"from": "None"}}},
            f"{L0}.allowedRoutes.namespaces.from",
            "not valid",
        ),
        ({"spec.addresses": [{"value": "a.example"}]}, "spec.addresses[0].value", "no IP address"),
    ],
)
def test_invalid_gateways(errors_with, changes, path, message):
    errors = errors_with("Gateway", changes)
    assert any(error.path == path and message in str(error) for error in errors), errors


def test_gateway_class_needs_a_domain_in_its_controller(errors_with):
    (error,) = errors_with("GatewayClass", {"spec.controllerName": "gateway"})
    assert error.path == "spec.controllerName"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"spec.from": []}, "spec.from"),
        ({"spec.to": []}, "spec.to"),
        ({"spec.from[0].namespace": "A"}, "spec.from[0].namespace"),
        ({"spec.to[0].kind": ""}, "spec.to[0].kind"),
    ],
)
def test_invalid_grants(errors_with, changes, path):
    (error,) = errors_with("ReferenceGrant", changes)
    assert error.path == path
