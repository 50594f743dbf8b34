from __future__ import annotations

import pytest

R0 = "spec.rules[0]"
M0 = f"{R0}.matches[0]"


@pytest.mark.parametrize(
    "changes",
    [
        {"spec.hostnames": ["a.example", "*.b.example"]},
        {f"{M0}.path": {"value": "/v1/chat/completions"}},
        {f"{M0}.path": {"type": "RegularExpression", "value": "/v[0-9]+/.*"}},
        {f"{M0}.headers": [{"name": "X-Gateway-Model-Name", "value": "gemma-2b-it"}]},
        {f"{M0}.queryParams": [{"name": "a", "value": "1"}, {"name": "A", "value": "2"}]},
        {f"{M0}.headers": [{"name": "a", "value": "1"}, {"name": "A", "value": "2"}]},
        {f"{M0}.method": "POST"},
        {f"{R0}.timeouts": {"request": "1m30s", "backendRequest": "500ms"}},
        {f"{R0}.timeouts": {"request": "0s", "backendRequest": "10s"}},
        {f"{R0}.backendRefs[0].weight": 0},
        {f"{R0}.backendRefs": [{"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "p"}]},
        {f"{R0}.retry": {"codes": [500, 503], "attempts": 2, "backoff": "100ms"}},
        {f"{R0}.sessionPersistence": {"sessionName": "s", "type": "Cookie", "absoluteTimeout": "1h"}},
        {f"{R0}.name": "first"},
        {"spec.parentRefs": [{"name": "a", "sectionName": "x"}, {"name": "a", "sectionName": "y"}]},
        {"spec.parentRefs": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]},
        {"spec.rules": []} | {"spec.rules[0]": {}},
    ],
)
def test_valid_routes(errors_with, changes):
    assert errors_with("HTTPRoute", changes) == []


@pytest.mark.parametrize(
    ("changes", "path", "message"),
    [
        ({"spec.hostnames": ["1.2.3.4"]}, "spec.hostnames[0]", "IP address"),
        ({"spec.hostnames": ["*"]}, "spec.hostnames[0]", "no host name"),
        ({"spec.rules": []}, "spec.rules", "1 to 16"),
        ({f"{M0}.path": {"value": "v1"}}, f"{M0}.path.value", "start with '/'"),
        ({f"{M0}.path": {"value": "/a//b"}}, f"{M0}.path.value", "'//'"),
        ({f"{M0}.path": {"value": "/a/../b"}}, f"{M0}.path.value", "'/../'"),
        ({f"{M0}.path": {"value": "/a%2fb"}}, f"{M0}.path.value", "'%2f'"),
        ({f"{M0}.path": {"value": "/a/.."}}, f"{M0}.path.value", "end with"),
        ({f"{M0}.path": {"value": "/a b"}}, f"{M0}.path.value", "character"),
        ({f"{M0}.path": {"type": "Prefix", "value": "/"}}, f"{M0}.path.type", "did you mean 'PathPrefix'?"),
        ({f"{M0}.headers": [{"name": "a b", "value": "x"}]}, f"{M0}.headers[0].name", "header name"),
        ({f"{M0}.headers": [{"name": "a", "value": ""}]}, f"{M0}.headers[0].value", "1 to 4096"),
        (
            {f"{M0}.headers": [{"name": "a", "value": "x"}, {"name": "a", "value": "y"}]},
            f"{M0}.headers[1].name",
            "twice",
        ),
        ({f"{M0}.method": "get"}, f"{M0}.method", "did you mean 'GET'?"),
        ({f"{R0}.timeouts": {"request": "1.5s"}}, f"{R0}.timeouts.request", "duration"),
        ({f"{R0}.timeouts": {"request": "1s", "backendRequest": "2s"}}, f"{R0}.timeouts.backendRequest", "longer"),
        ({f"{R0}.backendRefs[0].weight": -1}, f"{R0}.backendRefs[0].weight", "0 to 1000000"),
        ({f"{R0}.backendRefs[0].weight": 1_000_001}, f"{R0}.backendRefs[0].weight", "0 to 1000000"),
        ({f"{R0}.backendRefs": [{"name": "svc"}]}, f"{R0}.backendRefs[0].port", "is required"),
        ({f"{R0}.retry": {"codes": [200]}}, f"{R0}.retry.codes[0]", "400 to 599"),
        ({f"{R0}.sessionPersistence": {"header": {"name": "h"}}}, f"{R0}.sessionPersistence.header", "Header"),
        ({"spec.rules[0].name": "a", "spec.rules[1]": {"name": "a"}}, "spec.rules[1].name", "two rules"),
        ({"spec.parentRefs": [{"name": "a"}, {"name": "a"}]}, "spec.parentRefs[1]", "twice"),
        (
            {"spec.parentRefs": [{"name": "a"}, {"name": "a", "sectionName": "x"}]},
            "spec.parentRefs[0]",
            "sectionName or port",
        ),
        (
            {"spec.rules": [{"matches": [{"method": "GET"}] * 64} for _ in range(3)]},
            "spec.rules",
            "192 matches",
        ),
    ],
)
def test_invalid_routes(errors_with, changes, path, message):
    errors = errors_with("HTTPRoute", changes)
    assert any(error.path == path and message in str(error) for error in errors), errors
