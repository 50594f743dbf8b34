from __future__ import annotations

import pytest

from modelyard.resources.http_filters import (
    Fraction,
    HTTPHeader,
    HTTPHeaderFilter,
    HTTPPathModifier,
    HTTPRequestMirrorFilter,
    HTTPRequestRedirectFilter,
    HTTPRouteFilter,
    HTTPURLRewriteFilter,
)
from modelyard.resources.references import BackendObjectReference, LocalObjectReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.filters.chain import NO_FILTERS
from modelyard.routing.references import BackendResolver, Grants
from modelyard.routing.rule_filters import FilterCompiler, FilterError


def compiler() -> FilterCompiler:
    return FilterCompiler(BackendResolver(ResourceSet(), Grants([])), "infra")


def headers(**actions: object) -> HTTPRouteFilter:
    return HTTPRouteFilter(type="RequestHeaderModifier", request_header_modifier=HTTPHeaderFilter(**actions))  # type: ignore[arg-type]


REDIRECT = HTTPRouteFilter(type="RequestRedirect", request_redirect=HTTPRequestRedirectFilter())
PREFIX = HTTPPathModifier(type="ReplacePrefixMatch", replace_prefix_match="new")
REWRITE = HTTPRouteFilter(type="URLRewrite", url_rewrite=HTTPURLRewriteFilter(path=PREFIX))


def test_no_filters_share_one_chain() -> None:
    assert compiler().compile((), prefix_matches_only=False) is NO_FILTERS


def test_header_names_are_lower_case_and_the_first_entry_counts() -> None:
    written = headers(set=(HTTPHeader(name="X-A", value="1"), HTTPHeader(name="x-a", value="2")), remove=("X-B",))
    edit = compiler().compile((written,), prefix_matches_only=True).request_headers
    assert edit is not None
    assert (edit.set, edit.remove) == ((("x-a", "1"),), {"x-b"})


def test_a_path_without_slash_gets_one() -> None:
    rewrite = compiler().compile((REWRITE,), prefix_matches_only=True).rewrite
    assert rewrite is not None
    assert rewrite.path("/a/b", "/a") == "/new/b"


@pytest.mark.parametrize(
    ("filters", "reason"),
    [
        ((REDIRECT, REWRITE), "IncompatibleFilters"),
        ((REDIRECT, REDIRECT), "IncompatibleFilters"),
        ((headers(set=(HTTPHeader(name="a", value="1"),), remove=("A",)),), "UnsupportedValue"),
        ((headers(set=(HTTPHeader(name="a", value="1\r\nb: 2"),)),), "UnsupportedValue"),
        ((headers(set=(HTTPHeader(name="Content-Length", value="3"),)),), "UnsupportedValue"),
        ((headers(add=(HTTPHeader(name="transfer-encoding", value="chunked"),)),), "UnsupportedValue"),
        ((headers(set=(HTTPHeader(name="Host", value="other"),)),), "UnsupportedValue"),
        ((REWRITE,), "UnsupportedValue"),
        ((HTTPRouteFilter(type="URLRewrite"),), "UnsupportedValue"),
        (
            (
                HTTPRouteFilter(
                    type="URLRewrite", url_rewrite=HTTPURLRewriteFilter(path=HTTPPathModifier(type="ReplaceFullPath"))
                ),
            ),
            "UnsupportedValue",
        ),
    ],
)
def test_invalid_combinations(filters: tuple[HTTPRouteFilter, ...], reason: str) -> None:
    with pytest.raises(FilterError) as caught:
        compiler().compile(filters, prefix_matches_only=False)
    assert caught.value.fault.reason == reason


@pytest.mark.parametrize(
    "mirror",
    [
        {"percent": 10, "fraction": Fraction(numerator=1)},
        {"fraction": Fraction(numerator=1, denominator=0)},
    ],
)
def test_shares_that_say_nothing(mirror: dict[str, object]) -> None:
    backend = BackendObjectReference(name="copy", port=80)
    written = HTTPRouteFilter(
        type="RequestMirror",
        request_mirror=HTTPRequestMirrorFilter(backend_ref=backend, **mirror),  # type: ignore[arg-type]
    )
    with pytest.raises(FilterError):
        compiler().compile((written,), prefix_matches_only=True)


def test_unknown_filters_are_told() -> None:
    found = compiler()
    reference = LocalObjectReference(group="example.net", kind="Wasm", name="w")
    assert found.unknown((REDIRECT,)) == ""
    assert "Wasm" in found.unknown((HTTPRouteFilter(type="ExtensionRef", extension_ref=reference),))
    assert [fault.reason for fault in found.reference_faults] == ["InvalidKind"]
    assert "ExternalAuth" in found.unknown((HTTPRouteFilter(type="ExternalAuth"),))
