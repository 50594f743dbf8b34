"""HTTPS listeners over TCP and over QUIC. The client for HTTP/3 is another Envoy: Python has none that is kept."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme
import yaml
from edge_client import BODY, PATH, send
from edge_manifests import DIRECT
from envoy_setup import Setup, setup, takes_connections, until
from measuring_backends import MeasuringBackends

pytestmark = [pytest.mark.integration, pytest.mark.envoy]

HOST = "a.secure.test"
SECURE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: secure}
spec:
  gatewayClassName: modelyard
  listeners:
    - {name: tls, port: 8443, protocol: HTTPS, hostname: "*.secure.test", tls: {certificateRefs: [{name: cert}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: secure}
spec:
  parentRefs: [{name: secure}]
  rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: closed}]}]
---
"""
MANAGER = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
CLIENT = """
static_resources:
  listeners:
    - address: {{socket_address: {{address: {host}, port_value: 9999}}}}
      filter_chains:
        - filters:
            - name: manager
              typed_config:
                "@type": {manager}
                stat_prefix: client
                http_filters:
                  - name: router
                    typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
                route_config:
                  virtual_hosts:
                    - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: server}}}}]}}
  clusters:
    - name: server
      load_assignment:
        cluster_name: server
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address: {{socket_address: {{protocol: UDP, address: {server}, port_value: 8443}}}}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {{http3_protocol_options: {{}}}}
      transport_socket:
        name: envoy.transport_sockets.quic
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.quic.v3.QuicUpstreamTransport
          upstream_tls_context:
            sni: {sni}
            common_tls_context: {{validation_context: {{trusted_ca: {{filename: {ca}}}}}}}
"""


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Setup]:
    block = own_blocks()
    folder: Path = tmp_path_factory.mktemp("http3")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.crt"))
    issued = ca.issue_cert("*.secure.test")
    chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems).decode()
    data = {"tls.crt": chain, "tls.key": issued.private_key_pem.bytes().decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "cert"}, "stringData": data}
    with setup(folder, block, SECURE + yaml.safe_dump(secret)) as made:
        backends = MeasuringBackends(made.backend_hosts)
        made.picker()
        made.envoy("--http3")
        until(lambda: send((made.edge, DIRECT), "closed.test").status == 200, "the picker does not pick")
        yield made
        backends.close()


def test_over_quic(edge: Setup) -> None:
    client = edge.edge.rpartition(".")[0] + ".9"
    config = edge.folder / "client.yaml"
    config.write_text(
        CLIENT.format(manager=MANAGER, host=client, server=edge.edge, sni=HOST, ca=edge.folder / "ca.crt")
    )
    running = edge.run_envoy(config)
    until(lambda: takes_connections(client, 9999), running.log.read_text())
    answer = send((client, 9999), HOST)
    assert answer.status == 200, answer
    assert answer.unchanged
    assert answer.headers["alt-svc"] == 'h3=":8443"; ma=86400'


def test_over_tls_clients_hear_of_it(edge: Setup) -> None:
    context = ssl.create_default_context(cafile=str(edge.folder / "ca.crt"))
    context.set_alpn_protocols(["h2"])
    with context.wrap_socket(_socket(edge), server_hostname=HOST) as found:
        assert found.selected_alpn_protocol() == "h2"
    plain = ssl.create_default_context(cafile=str(edge.folder / "ca.crt"))
    with plain.wrap_socket(_socket(edge), server_hostname=HOST) as found:
        head = f"POST {PATH} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(BODY)}\r\nConnection: close\r\n\r\n"
        found.sendall(head.encode() + BODY)
        got = b""
        while more := found.recv(65536):
            got += more
    assert b" 200 " in got.splitlines()[0]
    assert b'alt-svc: h3=":8443"; ma=86400' in got
    assert json.loads(got.partition(b"\r\n\r\n")[2])["size"] == len(BODY)


def _socket(edge: Setup) -> socket.socket:
    return socket.create_connection((edge.edge, 8443), 10)
