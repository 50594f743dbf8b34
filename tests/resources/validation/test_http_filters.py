from __future__ import annotations

import pytest

F = "spec.rules[0].filters"
PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/new"}
REWRITE = {"type": "URLRewrite", "urlRewrite": {"path": PREFIX}}
REDIRECT = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
HEADERS = {"set": [{"name": "a", "value": "b"}], "add": [{"name": "c", "value": "d"}], "remove": ["e"]}


@pytest.mark.parametrize(
    "filters",
    [
        [{"type": "RequestHeaderModifier", "requestHeaderModifier": HEADERS}],
        [{"type": "ResponseHeaderModifier", "responseHeaderModifier": HEADERS}],
        [REWRITE],
        [{"type": "URLRewrite", "urlRewrite": {"hostname": "a.example"}}],
        [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": "m", "port": 1}, "percent": 10}}] * 2,
        [
            {
                "type": "CORS",
                "cors": {
                    "allowOrigins": ["https://*.example.com", "http://a.example:8080"],
                    "allowMethods": ["GET", "POST"],
                    "allowHeaders": ["X-A"],
                    "allowCredentials": True,
                    "maxAge": 600,
                },
            }
        ],
        [{"type": "CORS", "cors": {"allowOrigins": ["*"]}}],
        [{"type": "ExtensionRef", "extensionRef": {"group": "a.example", "kind": "K", "name": "n"}}],
        [{"type": "ExternalAuth", "externalAuth": {"protocol": "HTTP", "backendRef": {"name": "a", "port": 1}}}],
    ],
)
def test_valid_filters(errors_with, filters):
    assert errors_with("HTTPRoute", {F: filters}) == []
    assert errors_with("HTTPRoute", {"spec.rules[0].backendRefs[0].filters": filters}) == []


def test_valid_redirect(errors_with):
    rule = {"filters": [REDIRECT]}
    assert errors_with("HTTPRoute", {"spec.rules[0]": rule}) == []


@pytest.mark.parametrize(
    ("filters", "path", "message"),
    [
        ([{"type": "URLRewrite"}], f"{F}[0].urlRewrite", "is required"),
        ([{**REWRITE, "cors": {}}], f"{F}[0].cors", "must not be set"),
        ([{"type": "UrlRewrite"}], f"{F}[0].type", "did you mean 'URLRewrite'?"),
        ([REWRITE, REWRITE], F, "must not come twice"),
        ([REWRITE, REDIRECT], F, "together"),
        ([REDIRECT], "spec.rules[0].backendRefs", "together with a RequestRedirect"),
        (
            [{"type": "RequestRedirect", "requestRedirect": {"statusCode": 300}}],
            f"{F}[0].requestRedirect.statusCode",
            "allowed: 301, 302, 303, 307, 308",
        ),
        (
            [{"type": "RequestRedirect", "requestRedirect": {"hostname": "*.example"}}],
            f"{F}[0].requestRedirect.hostname",
            "wildcard",
        ),
        (
            [{"type": "URLRewrite", "urlRewrite": {"path": {**PREFIX, "replaceFullPath": "/x"}}}],
            f"{F}[0].urlRewrite.path.replaceFullPath",
            "must not be set",
        ),
        (
            [{"type": "URLRewrite", "urlRewrite": {"path": {"type": "ReplaceFullPath"}}}],
            f"{F}[0].urlRewrite.path.replaceFullPath",
            "is required",
        ),
        (
            [
                {
                    "type": "RequestHeaderModifier",
                    "requestHeaderModifier": {"set": [{"name": "a", "value": "b\r\nc: d"}]},
                }
            ],
            f"{F}[0].requestHeaderModifier.set[0].value",
            "line breaks",
        ),
        (
            [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [{"name": "a", "value": "1"}] * 2}}],
            f"{F}[0].requestHeaderModifier.set[1]",
            "twice",
        ),
        (
            [
                {
                    "type": "RequestMirror",
                    "requestMirror": {"backendRef": {"name": "m", "port": 1}, "percent": 101},
                }
            ],
            f"{F}[0].requestMirror.percent",
            "0 to 100",
        ),
        (
            [
                {
                    "type": "RequestMirror",
                    "requestMirror": {"backendRef": {"name": "m", "port": 1}, "fraction": {"numerator": 101}},
                }
            ],
            f"{F}[0].requestMirror.fraction.numerator",
            "up to the denominator",
        ),
        ([{"type": "CORS", "cors": {"allowOrigins": ["a.example"]}}], f"{F}[0].cors.allowOrigins[0]", "no origin"),
        ([{"type": "CORS", "cors": {"allowOrigins": ["*", "http://a"]}}], f"{F}[0].cors.allowOrigins", "alone"),
        (
            [{"type": "RequestHeaderModifier", "requestHeaderModifier": {"remove": ["a", "a"]}}],
            f"{F}[0].requestHeaderModifier.remove[1]",
            "twice",
        ),
        ([{"type": "CORS", "cors": {"allowMethods": ["GETT"]}}], f"{F}[0].cors.allowMethods[0]", "'GET'"),
    ],
)
def test_invalid_filters(errors_with, filters, path, message):
    errors = errors_with("HTTPRoute", {F: filters})
    assert any(error.path == path and message in str(error) for error in errors), errors


@pytest.mark.parametrize(
    "matches", [[{"path": {"type": "Exact", "value": "/a"}}], [{"path": {"value": "/a"}}, {"path": {"value": "/b"}}]]
)
def test_prefix_replacement_needs_one_prefix_match(errors_with, matches):
    for path in (F, "spec.rules[0].backendRefs[0].filters"):
        (error,) = errors_with("HTTPRoute", {"spec.rules[0].matches": matches, path: [REWRITE]})
        assert error.path == f"{path}[0]"
        assert "exactly one match" in error.message
