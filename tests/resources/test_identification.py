from __future__ import annotations

import pytest

from modelyard.resources.faults import Report
from modelyard.resources.identification import identify, is_helm_values, is_list
from modelyard.resources.kinds import KINDS, Kind
from modelyard.resources.unsupported_kinds import UNKNOWN_KIND

GW = "gateway.networking.k8s.io"


def ask(api_version, kind):
    report = Report()
    return identify({"apiVersion": api_version, "kind": kind}, report), report.faults


@pytest.mark.parametrize("row", KINDS, ids=lambda row: f"{row.group}-{row.kind}")
def test_every_row_is_found_in_every_version(row):
    for api_version in row.api_versions:
        assert ask(api_version, row.kind) == (row, [])


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("ray.io/v1", "RayCluster"),
        ("batch/v1", "CronJob"),
        ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ("monitoring.googleapis.com/v1", "PodMonitoring"),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("v1", "ServiceAccount"),
        ("v1", "PersistentVolumeClaim"),
        ("networking.gke.io/v1", "GCPGatewayPolicy"),
        (f"{GW}/v1", "GRPCRoute"),
        ("networking.istio.io/v1", "Gateway"),
    ],
)
def test_kinds_without_use_have_a_reason(api_version, kind):
    reason, faults = ask(api_version, kind)
    assert isinstance(reason, str)
    assert reason != UNKNOWN_KIND
    assert faults == []


@pytest.mark.parametrize(("api_version", "kind"), [("serving.knative.dev/v1", "Service"), ("a.example/v1", "Thing")])
def test_foreign_kinds_are_no_error(api_version, kind):
    assert ask(api_version, kind) == (UNKNOWN_KIND, [])


@pytest.mark.parametrize(
    ("api_version", "kind", "path", "suggestion"),
    [
        (f"{GW}/v1", "HttpRoute", "kind", "HTTPRoute"),
        (f"{GW}/v1", "HTTPRout", "kind", "HTTPRoute"),
        ("gateway.networking.k8s.oi/v1", "HTTPRoute", "apiVersion", f"{GW}/v1"),
        ("gateway.networking.k8s.oi/v1", "Foo", "apiVersion", f"{GW}/v1"),
        (f"{GW}/v2", "HTTPRoute", "apiVersion", f"{GW}/v1"),
        ("v1", "Deployment", "apiVersion", "apps/v1"),
        ("extensions/v1beta1", "Deployment", "apiVersion", "apps/v1"),
        ("apps/v1", "Deploymnt", "kind", "Deployment"),
        ("v1", "Servce", "kind", "Service"),
        ("networking.gke.io/v1", "HealthCheckPolcy", "kind", "HealthCheckPolicy"),
        ("llm-d.ai/v1alpha2", "InferencePool", "apiVersion", "inference.networking.k8s.io/v1"),
        ("inference.networking.k8s.io/v1alpha2", "InferencePool", "apiVersion", "inference.networking.k8s.io/v1"),
    ],
)
def test_misspelt_kinds_and_versions(api_version, kind, path, suggestion):
    found, faults = ask(api_version, kind)
    assert found is None
    (fault,) = faults
    assert fault.path == (path,)
    assert fault.suggestion == suggestion


@pytest.mark.parametrize(
    ("value", "path"),
    [({"kind": "Gateway"}, "apiVersion"), ({"apiVersion": "v1"}, "kind"), ({"apiVersion": "v1", "kind": 1}, "kind")],
)
def test_missing_or_wrong_type(value, path):
    report = Report()
    assert identify(value, report) is None
    assert [fault.path for fault in report.faults] == [(path,)]


def test_a_missing_api_version_is_suggested():
    report = Report()
    identify({"kind": "Gateway"}, report)
    assert report.faults[0].suggestion == f"{GW}/v1"


def test_values_and_lists_are_told_apart():
    assert is_helm_values({"bbr": {}})
    assert not is_helm_values({"bbr": {}, "kind": "X"})
    assert is_list({"kind": "HTTPRouteList", "items": []})
    assert not is_list({"kind": "AllowList", "spec": {}})
    assert isinstance(KINDS[0], Kind)
