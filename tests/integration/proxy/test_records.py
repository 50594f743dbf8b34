"""What the record of an exchange says must be what the client got: metrics and the access log are made from it."""

from __future__ import annotations

import pytest

from modelyard.proxy.limits import ProxyLimits

from .conftest import GET, MANIFEST, answer_ok, endpoint, run, snapshot_of, until, yard

pytestmark = pytest.mark.integration

CHUNKED = b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

ANSWERS = {
    "the list of models": (b"GET /v1/models HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""),
    "the endpoint's own": (GET, 200, ""),
    "no such path": (b"GET /v1/nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404, "path_not_served"),
    "a broken body": (CHUNKED + b"xyz\r\n", 400, "malformed_request"),
    "a body that does not come": (CHUNKED, 408, "request_timeout"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_the_record_has_the_status_that_the_client_got(name: str) -> None:
    request, status, reason = ANSWERS[name]

    async def test() -> None:
        async with endpoint(answer_ok) as good, yard(good.address, limits=ProxyLimits(body_idle=0.2)) as gw:
            client = await gw.client()
            client.send(request)
            assert (await client.response())[0] == status
            await until(lambda: gw.records)
            assert (gw.records[0].status, gw.records[0].reason) == (status, reason)
            client.close()

    run(test())


def test_a_redirect_is_recorded_with_its_status() -> None:
    redirect = MANIFEST.replace(
        "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: mirror, port: 80}}}]\n"
        "    backendRefs: [{name: web, port: 80}]",
        "filters: [{type: RequestRedirect, requestRedirect: {statusCode: 301, hostname: b}}]",
    )

    async def test() -> None:
        async with yard() as gw:
            gw.gateway.swap(snapshot_of(redirect, 2))
            assert (await gw.ask(b"GET /mirrored HTTP/1.1\r\nHost: a\r\n\r\n"))[0] == 301
            await until(lambda: gw.records)
            assert gw.records[0].status == 301

    run(test())


def test_a_request_that_waits_longer_than_its_timeout_is_504() -> None:
    queueing = """
---
apiVersion: llm-d.ai/v1alpha1
kind: EndpointPickerConfig
featureGates: [flowControl]
plugins: [{type: queue-scorer}]
schedulingProfiles: [{name: default, plugins: [{pluginRef: queue-scorer}]}]
flowControl: {defaultRequestTTL: 30s, noEndpointRequestTTL: 30s}
"""
    timed = MANIFEST.replace(
        "    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]",
        "    timeouts: {request: 300ms}\n"
        "    backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: pool}]",
    )
    body = b'{"model": "m", "messages": []}'
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def test() -> None:
        async with yard() as gw:
            gw.gateway.swap(snapshot_of(timed + queueing, 2))
            status, _, answer = await gw.ask(request)
            assert (status, b"upstream_timeout" in answer) == (504, True)

    run(test())
