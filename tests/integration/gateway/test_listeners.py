"""Listeners over real sockets: TLS by server name, misdirected requests, certificates that change, addresses."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trustme
import yaml
from gateway_manifests import GATEWAY, route
from plain_client import Connection, ask

pytestmark = pytest.mark.integration

HTTPS = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec:
  gatewayClassName: modelyard
  listeners:
  - {name: a, port: 443, protocol: HTTPS, hostname: a.test, tls: {certificateRefs: [{name: a}]}}
  - {name: wild, port: 443, protocol: HTTPS, hostname: "*.wild.test", tls: {certificateRefs: [{name: wild}]}}
  - {name: rest, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: rest}]}}
---
"""


def issue(*names: str) -> trustme.LeafCert:
    return trustme.CA().issue_cert(*names)


def secret(name: str, issued: trustme.LeafCert) -> str:
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
    return (
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": {"name": name},
                "stringData": {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes().decode()},
            }
        )
        + "\n---\n"
    )


def der(issued: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(issued.cert_chain_pems[0].bytes().decode())


def test_each_server_name_gets_its_listeners_certificate_and_routes(tenant: Any) -> None:
    issued = {"a": issue("a.test"), "wild": issue("*.wild.test"), "rest": issue("rest.test")}
    routes = [route(name, name, parentRefs=[{"name": "gw", "sectionName": name}]) for name in issued]
    secrets = [secret(name, one) for name, one in issued.items()]
    services = [tenant.service(name) for name in issued]
    tenant.apply(HTTPS + "".join(secrets + services + routes))
    address = tenant.address(port=443)
    for sni, listener in (("a.test", "a"), ("b.wild.test", "wild"), ("a.b.wild.test", "wild"), ("other.test", "rest")):
        with Connection(address, sni=sni) as connection:
            assert connection.certificate() == der(issued[listener]), sni
            answer = connection.send(host=sni)
            assert (answer.status, answer.backend) == (200, f"{tenant.namespace}/{listener}"), sni
            assert answer.at_backend("x-forwarded-proto") == "https"
    with Connection(address, sni="a.test") as connection:
        assert connection.send(host="a.test").status == 200
        assert connection.send(host="b.wild.test").status == 421
        assert connection.send(host="other.test").status == 421
        assert connection.send(host="a.test:8443").status == 200


def test_a_renewed_certificate_is_shown_to_new_connections(tenant: Any) -> None:
    old, new = issue("a.test"), issue("a.test")
    gateway = HTTPS.replace("name: wild}", "name: a}").replace("name: rest}]", "name: a}]")
    rest = tenant.service("web") + route("r", "web")
    tenant.apply(gateway + secret("a", old) + rest)
    with Connection(tenant.address(port=443), sni="a.test") as before:
        assert before.certificate() == der(old)
        tenant.apply(gateway + secret("a", new) + rest)
        with Connection(tenant.address(port=443), sni="a.test") as after:
            assert after.certificate() == der(new)
            assert after.send(host="a.test").status == 200
        assert before.send(host="a.test").status == 200


def test_http_and_https_of_one_gateway_share_its_address(tenant: Any) -> None:
    both = GATEWAY.replace(
        "]\n", ", {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}]\n"
    )
    tenant.apply(both + secret("cert", issue("a.test")) + tenant.service("web") + route("r", "web"))
    assert tenant.address()[0] == tenant.address(port=443)[0]
    assert tenant.ask().at_backend("x-forwarded-proto") == "http"
    assert tenant.ask(port=443, sni="a.test", host="a.test").at_backend("x-forwarded-proto") == "https"


def test_a_port_changes_its_protocol(tenant: Any) -> None:
    secure = GATEWAY.replace("protocol: HTTP}", "protocol: HTTPS, tls: {certificateRefs: [{name: cert}]}}")
    rest = secret("cert", issue("a.test")) + tenant.service("web") + route("r", "web")
    for _ in range(2):
        tenant.apply(GATEWAY + rest)
        assert tenant.ask().status == 200
        assert tenant.conditions("Gateway", "gw")["Programmed"] == "True Programmed"
        tenant.apply(secure + rest)
        assert tenant.ask(sni="a.test", host="a.test").status == 200
        assert tenant.conditions("Gateway", "gw")["Programmed"] == "True Programmed"


def test_a_listener_without_a_usable_certificate_leaves_the_others_serving(tenant: Any) -> None:
    both = GATEWAY.replace(
        "]\n", ", {name: secure, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: gone}]}}]\n"
    )
    tenant.apply(both + tenant.service("web") + route("r", "web"))
    assert tenant.ask().status == 200
    plain, secure = tenant.gateway.status("Gateway", tenant.namespace, "gw")["listeners"]
    assert {item["type"]: item["status"] for item in plain["conditions"]}["Programmed"] == "True"
    found = {item["type"]: f"{item['status']} {item['reason']}" for item in secure["conditions"]}
    assert found["ResolvedRefs"] == "False InvalidCertificateRef"
    assert found["Programmed"] == "False Invalid"
    with pytest.raises(ConnectionRefusedError):
        ask((tenant.address()[0], tenant.gateway.local_port[443]), sni="a.test")


def test_a_gateway_listens_where_it_asks_to(tenant: Any) -> None:
    asked = tenant.gateway.bind.rpartition(".")[0] + ".130"
    gateway = GATEWAY.replace("spec:\n", f"spec:\n  addresses: [{{value: {asked}}}]\n")
    rest = tenant.service("web") + route("r", "web")
    tenant.apply(gateway + rest)
    assert tenant.address() == (asked, tenant.gateway.local_port[80])
    assert tenant.ask().status == 200
    assert tenant.conditions("Gateway", "gw")["Programmed"] == "True Programmed"
    tenant.apply(gateway.replace(asked, "192.0.2.1") + rest)
    assert tenant.conditions("Gateway", "gw") == {
        "Accepted": "True Accepted",
        "Programmed": "False AddressNotUsable",
    }
    assert tenant.gateway.status("Gateway", tenant.namespace, "gw")["addresses"] == []
    assert tenant.gateway.get("/readyz")["ready"]


def test_the_longest_name_of_a_gateway_serves(tenant: Any) -> None:
    name = "a" * 253
    tenant.apply(
        GATEWAY.replace("name: gw", f"name: {name}")
        + tenant.service("web")
        + route("r", "web", parentRefs=[{"name": name}])
    )
    assert tenant.ask(gateway=name).status == 200
    assert tenant.conditions("Gateway", name)["Programmed"] == "True Programmed"
