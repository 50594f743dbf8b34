"""Certificates of HTTPS listeners, out of the Secrets that their ``certificateRefs`` name."""

from __future__ import annotations

import base64
import binascii
import re

from modelyard.resources.gateway import Gateway, Listener
from modelyard.resources.references import SecretObjectReference
from modelyard.resources.resource_set import ResourceSet
from modelyard.routing.conditions import Fault
from modelyard.routing.listeners import Certificate
from modelyard.routing.references import Grants

_BLOCK = re.compile(rb"-----BEGIN (?P<label>[A-Z0-9 ]+)-----\s+(?P<body>[A-Za-z0-9+/=\s]+?)-----END (?P=label)-----")


def resolve_certificates(
    gateway: Gateway, listener: Listener, resources: ResourceSet, grants: Grants
) -> tuple[tuple[Certificate, ...], list[Fault]]:
    """The usable certificates of an HTTPS listener, and what is wrong with the others."""
    references = listener.tls.certificate_refs if listener.tls is not None else ()
    if not references:
        return (), [Fault("InvalidCertificateRef", "an HTTPS listener needs tls.certificateRefs")]
    found: list[Certificate] = []
    faults: list[Fault] = []
    for reference in references:
        certificate = _resolve(gateway.metadata.namespace, reference, resources, grants)
        if isinstance(certificate, Fault):
            faults.append(certificate)
        else:
            found.append(certificate)
    return tuple(found), faults


def _resolve(
    namespace: str, reference: SecretObjectReference, resources: ResourceSet, grants: Grants
) -> Certificate | Fault:
    if (reference.group, reference.kind) != ("", "Secret"):
        kind = f"{reference.kind}.{reference.group}" if reference.group else reference.kind
        return Fault("InvalidCertificateRef", f"certificate kind {kind} is not supported; use a Secret")
    target = reference.namespace or namespace
    secret_id = f"{target}/{reference.name}"
    if not grants.permit(
        "Gateway", namespace, to_group="", to_kind="Secret", to_namespace=target, to_name=reference.name
    ):
        return Fault("RefNotPermitted", f"no ReferenceGrant in {target} permits Secret {secret_id}")
    secret = resources.secrets.get((target, reference.name))
    if secret is None:
        return Fault("InvalidCertificateRef", f"Secret {secret_id} does not exist")
    cert, key = secret.value("tls.crt"), secret.value("tls.key")
    if cert is None or not _has_block(cert, b"CERTIFICATE"):
        return Fault("InvalidCertificateRef", f"Secret {secret_id} has no PEM certificate in tls.crt")
    if key is None or not _has_block(key, b"PRIVATE KEY"):
        return Fault("InvalidCertificateRef", f"Secret {secret_id} has no PEM private key in tls.key")
    return Certificate(secret=secret_id, cert_pem=cert, key_pem=key)


def _has_block(pem: bytes, label: bytes) -> bool:
    """Whether there is a PEM block of this kind with a base64 body; the TLS library knows the rest."""
    return any(found["label"].endswith(label) and _is_base64(found["body"]) for found in _BLOCK.finditer(pem))


def _is_base64(body: bytes) -> bool:
    try:
        return len(base64.b64decode(b"".join(body.split()), validate=True)) > 0
    except binascii.Error:
        return False
