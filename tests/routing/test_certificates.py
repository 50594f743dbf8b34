from __future__ import annotations

from collections.abc import Callable

import pytest

from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.certificates import resolve_certificates
from modelyard.routing.references import Grants


def pem(label: str, body: str = "TW9kZWx5YXJk") -> str:
    return f"-----BEGIN {label}-----\\n{body}\\n-----END {label}-----\\n"


def gateway(*references: str) -> str:
    return f"""
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: edge}}
spec:
  gatewayClassName: x
  listeners: [{{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{", ".join(references)}]}}}}]
"""


def secret(name: str, cert: str | None, key: str | None) -> str:
    data = {"tls.crt": cert, "tls.key": key}
    fields = ", ".join(f'{name}: "{value}"' for name, value in data.items() if value is not None)
    return f"{{apiVersion: v1, kind: Secret, metadata: {{name: {name}}}, stringData: {{{fields}}}}}"


def resolve(resources: ResourceSet) -> tuple[list[str], list[str]]:
    edge = resources.gateways["default", "edge"]
    found, faults = resolve_certificates(edge, edge.spec.listeners[0], resources, Grants([]))
    return [certificate.secret for certificate in found], [fault.message for fault in faults]


@pytest.mark.parametrize("label", ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"])
def test_a_pair(load: Callable[..., ResourceSet], label: str) -> None:
    resources = load(gateway("{name: pair}"), secret("pair", pem("CERTIFICATE") * 2, pem(label)))
    assert resolve(resources) == (["default/pair"], [])


@pytest.mark.parametrize(
    ("cert", "key", "fault"),
    [
        ("Hello world", pem("PRIVATE KEY"), "no PEM certificate"),
        (pem("CERTIFICATE"), "Hello world", "no PEM private key"),
        (pem("CERTIFICATE"), pem("CERTIFICATE"), "no PEM private key"),
        (pem("CERTIFICATE", "TW9kZ"), pem("PRIVATE KEY"), "no PEM certificate"),
        (pem("CERTIFICATE", "===="), pem("PRIVATE KEY"), "no PEM certificate"),
        (None, pem("PRIVATE KEY"), "no PEM certificate"),
        (pem("CERTIFICATE"), None, "no PEM private key"),
    ],
)
def test_malformed_secrets(load: Callable[..., ResourceSet], cert: str | None, key: str | None, fault: str) -> None:
    found, faults = resolve(load(gateway("{name: pair}"), secret("pair", cert, key)))
    assert found == []
    assert fault in faults[0]


def test_one_bad_reference_leaves_the_good_ones(load: Callable[..., ResourceSet]) -> None:
    resources = load(gateway("{name: gone}", "{name: pair}"), secret("pair", pem("CERTIFICATE"), pem("PRIVATE KEY")))
    assert resolve(resources) == (["default/pair"], ["Secret default/gone does not exist"])
