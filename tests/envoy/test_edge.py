"""The whole: filters in their order, which routes ask whom, bounds, and what does not map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from envoy_edges import BACKENDS, GATEWAY, cluster_of, edge_from, pool_ref, route, routes_of, values_of

from modelyard.envoy.api import without_notes
from modelyard.envoy.bootstrap import static_bootstrap, watched_bootstrap, watched_files
from modelyard.envoy.edge import Edge
from modelyard.envoy.external_processing import PICKER_FILTER, UPGRADE_PICKER_FILTER
from modelyard.envoy.settings import Processor
from modelyard.envoy.text import commented_yaml

GOLDEN = Path(__file__).parent / "golden.yaml"
"""Made anew with ``python tests/envoy/make_golden.py``; read the difference before it is kept."""

BY_MODEL = (
    f"[{{matches: [{{headers: [{{name: X-Gateway-Model-Name, value: m}}]}}], backendRefs: [{pool_ref('closed')}]}}]"
)
PLAIN = f"[{{backendRefs: [{pool_ref('open')}]}}]"


def filters_of(edge: Edge) -> list[dict[str, Any]]:
    [chain] = edge.listeners[0]["filter_chains"]
    return list(chain["filters"][0]["typed_config"]["http_filters"])


def overrides_of(edge: Edge, name: str = PICKER_FILTER) -> list[dict[str, Any]]:
    """What routes and their backends tell the picker's filter."""
    found = values_of(routes_of(edge), "typed_per_filter_config")
    return [item[name]["overrides"] for item in found if name in item]


def silence(edge: Edge) -> float:
    return sum(
        float(item["typed_config"]["message_timeout"].removesuffix("s"))
        for item in filters_of(edge)
        if "ext_proc" in item["typed_config"]["@type"]
    )


@pytest.mark.parametrize(("rules", "names"), [(PLAIN, ["picker"]), (BY_MODEL, ["router", "picker"])])
def test_the_router_is_asked_only_where_routes_read_the_body(rules: str, names: list[str]) -> None:
    edge = edge_from(GATEWAY + BACKENDS + route(rules))
    found = [item["name"].rpartition("_")[2] for item in filters_of(edge) if "modelyard" in item["name"]]
    assert [name for name in found if name in ("router", "picker")] == names
    assert silence(edge) < 1.0
    assert filters_of(edge)[-1]["name"] == "envoy.filters.http.router"


def test_a_gateway_of_services_asks_nobody() -> None:
    edge = edge_from(GATEWAY + BACKENDS + route("[{backendRefs: [{name: web, port: 80}]}]"))
    assert "ext_proc" not in str(filters_of(edge))
    assert edge.processors == ()


def test_bodies_are_buffered_and_failure_never_cuts_an_answer() -> None:
    edge = edge_from(GATEWAY + BACKENDS + route(BY_MODEL))
    picker = next(item["typed_config"] for item in filters_of(edge) if item["name"] == "modelyard.endpoint_picker")
    assert picker["failure_mode_allow"] is True
    assert picker["route_cache_action"] == "RETAIN"
    assert set(picker["processing_mode"].values()) == {"SKIP", "NONE"}
    [override] = overrides_of(edge)
    assert override["processing_mode"]["request_body_mode"] == "BUFFERED"
    assert override["grpc_initial_metadata"] == [{"key": "x-gateway-inference-pool", "value": "default/closed"}]
    assert "FULL_DUPLEX" not in str(edge)


def test_upgrades_are_picked_for_by_the_head_and_no_body_passes_as_another_protocol() -> None:
    edge = edge_from(GATEWAY + BACKENDS + route(PLAIN), sees_answers=True)
    [override] = overrides_of(edge, UPGRADE_PICKER_FILTER)
    assert override["processing_mode"]["request_header_mode"] == "SEND"
    assert override["processing_mode"]["request_body_mode"] == "NONE"
    assert override["processing_mode"]["response_body_mode"] == "NONE"
    assert override["grpc_initial_metadata"][0]["value"] == "default/open"
    [[upgrade]] = values_of(list(edge.listeners), "upgrade_configs")
    plain = [item["name"] for item in filters_of(edge)]
    names = [item["name"] for item in upgrade["filters"]]
    assert names.index("modelyard.upgrades") < names.index(UPGRADE_PICKER_FILTER)
    assert set(plain) - set(names) == {PICKER_FILTER}
    assert set(names) - set(plain) == {UPGRADE_PICKER_FILTER, "modelyard.upgrades"}


def test_no_timeout_ends_a_long_prefill() -> None:
    edge = edge_from(GATEWAY + BACKENDS + route(PLAIN))
    assert values_of(list(edge.listeners), "stream_idle_timeout") == ["0s"]
    actions = values_of(routes_of(edge), "route")
    assert {(action["timeout"], action["idle_timeout"]) for action in actions} == {("0s", "0s")}
    assert "per_try_timeout" not in str(actions)


def test_answers_bodies_are_shown_where_a_pool_maps_names() -> None:
    rewrite = """
apiVersion: inference.networking.x-k8s.io/v1alpha2
kind: InferenceModelRewrite
metadata: {name: r}
spec: {poolRef: {name: open}, rules: [{matches: [{model: {value: a}}], targets: [{modelRewrite: b, weight: 1}]}]}
---
"""
    for text, wanted in ((rewrite, "STREAMED"), ("", "NONE")):
        edge = edge_from(GATEWAY + BACKENDS + text + route(PLAIN))
        assert [one["processing_mode"]["response_body_mode"] for one in overrides_of(edge)] == [wanted]
    edge = edge_from(GATEWAY + BACKENDS + route(PLAIN), sees_answers=True)
    assert [one["processing_mode"]["response_body_mode"] for one in overrides_of(edge)] == ["STREAMED"]


def test_weighted_backends_ask_for_their_own_pool_each() -> None:
    split = (
        f"[{{backendRefs: [{pool_ref('open', weight=3)}, {pool_ref('closed', weight=1)}, {{name: gone, port: 80}}]}}]"
    )
    edge = edge_from(GATEWAY + BACKENDS + route(split))
    clusters = routes_of(edge)[0]["route"]["weighted_clusters"]["clusters"]
    assert [(item["name"], item["weight"]) for item in clusters] == [
        ("InferencePool/default/open", 3),
        ("InferencePool/default/closed", 1),
        ("modelyard-missing-backend", 1),
    ]
    named = [one["grpc_initial_metadata"][0]["value"] for one in overrides_of(edge)]
    assert named == ["default/open", "default/closed"]
    assert "modelyard-missing-backend" not in [item["name"] for item in edge.clusters]


def test_services_are_picked_for_where_a_model_leads_to_them_and_the_picker_knows_them() -> None:
    rules = (
        "[{matches: [{headers: [{name: X-Gateway-Model-Name, value: m}]}], backendRefs: [{name: web, port: 80}]},"
        " {backendRefs: [{name: web, port: 80}]}]"
    )
    for known in (True, False):
        edge = edge_from(GATEWAY + BACKENDS + route(rules), picks_for_services=known)
        plain = routes_of(edge)[1]
        named = [item["grpc_initial_metadata"][0]["value"] for item in overrides_of(edge)]
        assert named == (["Service/default/web:80"] if known else [])
        assert "typed_per_filter_config" not in plain
        assert "NO_FALLBACK" not in str(cluster_of(edge, "Service/default/web:80"))


def test_only_model_paths_lead_to_a_pool() -> None:
    first, second = routes_of(edge_from(GATEWAY + BACKENDS + route(PLAIN)))
    assert first["match"]["headers"][0]["name"] == ":path"
    assert second["direct_response"]["status"] == 404
    assert second["match"] == {"prefix": "/"}


def test_mirrors_of_a_pool_need_no_pick() -> None:
    rules = (
        f"[{{filters: [{{type: RequestMirror, requestMirror: {{backendRef: {pool_ref('closed')}}}}}],"
        f" backendRefs: [{pool_ref('open')}]}}]"
    )
    edge = edge_from(GATEWAY + BACKENDS + route(rules))
    mirrored = cluster_of(edge, "InferencePool/default/closed/mirror")
    assert "NO_FALLBACK" not in str(mirrored)
    assert "override_host" not in str(mirrored)


@pytest.mark.parametrize(
    ("rules", "remark"),
    [
        (
            f"[{{filters: [{{type: RequestHeaderModifier, requestHeaderModifier: {{remove: [Host]}}}}],"
            f" backendRefs: [{pool_ref('open')}]}}]",
            "no route change the header host",
        ),
        (
            "[{backendRefs: [{name: web, port: 80, filters: [{type: URLRewrite, urlRewrite: {path: {type:"
            f" ReplaceFullPath, replaceFullPath: /x}}}}}}]}}, {pool_ref('open')}]}}]",
            "path rewrite of one backend among several",
        ),
        (
            "[{backendRefs: [{name: web, port: 80, filters: [{type: CORS, cors: {allowOrigins: ['*']}}]}]}]",
            "CORS of backend",
        ),
    ],
)
def test_what_does_not_map_is_named(rules: str, remark: str) -> None:
    edge = edge_from(GATEWAY + BACKENDS + route(rules))
    assert [text for text in edge.remarks if remark in text], edge.remarks
    assert all(text.startswith("HTTPRoute default/route, rule 0: ") for text in edge.remarks)


def test_what_cannot_be_served_is_answered_and_not_left_out() -> None:
    rules = (
        "[{matches: [{path: {value: /none}}]},"
        " {matches: [{path: {value: /gone}}], backendRefs: [{name: gone, port: 1}]}]"
    )
    answers = [item["direct_response"] for item in routes_of(edge_from(GATEWAY + BACKENDS + route(rules)))]
    assert [item["status"] for item in answers] == [500, 500]


def test_the_picker_of_a_library_is_not_pinged_and_its_certificate_is_checked() -> None:
    picker = Processor(addresses=(("epp.test", 9002),), health_port=9003, ca_file="/ca.crt", answers_pings=False)
    cluster = cluster_of(edge_from(GATEWAY + BACKENDS + route(PLAIN), picker=picker), "modelyard-endpoint-picker")
    assert "connection_keepalive" not in str(cluster)
    assert cluster["type"] == "STRICT_DNS"
    [endpoint] = values_of(cluster, "endpoint")
    assert endpoint["health_check_config"] == {"port_value": 9003}
    context = cluster["transport_socket"]["typed_config"]
    assert context["sni"] == "epp.test"
    assert context["common_tls_context"]["validation_context"]["trusted_ca"] == {"filename": "/ca.crt"}


def test_those_that_stand_in_get_requests_only_when_the_first_is_not_healthy() -> None:
    picker = Processor(addresses=(("192.0.2.1", 9002), ("192.0.2.2", 9002)))
    edge = edge_from(GATEWAY + BACKENDS + route(PLAIN), picker=picker)
    cluster = cluster_of(edge, "modelyard-endpoint-picker")
    places = [
        (item["priority"], item["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]["address"])
        for item in cluster["load_assignment"]["endpoints"]
    ]
    assert places == [(0, "192.0.2.1"), (1, "192.0.2.2")]
    assert cluster["type"] == "STATIC"
    [service] = values_of(filters_of(edge), "grpc_service")
    assert service["retry_policy"]["retry_on"] == "connect-failure,refused-stream"


def test_watched_files_hold_what_the_whole_bootstrap_holds() -> None:
    text = GATEWAY + BACKENDS + route(BY_MODEL)
    whole = without_notes(static_bootstrap(edge_from(text)))["static_resources"]
    edge = edge_from(text, watched_folder="/watched")
    files = watched_files(edge, {})
    clusters = [item["name"] for item in files["clusters.json"]["resources"]]
    assert clusters == [item["name"] for item in whole["clusters"]]
    assert list(files)[-1] == "listeners.json"
    tables = [item for name, file in files.items() if name.startswith("routes_") for item in file["resources"]]
    [manager] = values_of(whole, "route_config")
    assert tables[0]["virtual_hosts"] == manager["virtual_hosts"]
    assert {
        item["path_config_source"]["path"] for item in watched_bootstrap(edge.settings)["dynamic_resources"].values()
    } == {
        "/watched/listeners.json",
        "/watched/clusters.json",
    }


def golden() -> str:
    """The configuration of a small Gateway, as it is kept beside this file."""
    return commented_yaml(static_bootstrap(edge_from(GATEWAY + BACKENDS + route(BY_MODEL))))


def test_the_configuration_is_as_it_was() -> None:
    assert golden() == GOLDEN.read_text(), "see GOLDEN: made anew with python tests/envoy/make_golden.py"
