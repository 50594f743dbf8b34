"""The TLS key pair of ext_proc ports: read from files and read again when they change, or made here."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from modelyard.control.ext_proc.settings import TlsFiles
from modelyard.routing.listeners import Certificate
from modelyard.worker.certificates import HTTP_2, context_of
from modelyard.worker.protocol import GrpcCertificate

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""Between two looks at the files: Secrets are swapped by symlinks, cert-manager renames, editors write in place; what
they hold tells all of it."""
_VALID = timedelta(days=3650)
"""Longer than any process lives; nobody can renew what is only in its memory."""


class CertificateUnusable(ValueError):
    """No TLS can be served with it; the message says why."""


def read_certificate(files: TlsFiles) -> GrpcCertificate:
    """The key pair in the files, tried. Raises :class:`CertificateUnusable`."""
    try:
        pair = GrpcCertificate(cert_pem=files.certificate.read_bytes(), key_pem=files.key.read_bytes())
    except OSError as problem:
        raise CertificateUnusable(f"{problem.filename}: {problem.strerror}") from None
    try:
        context_of((Certificate(secret=str(files.folder), cert_pem=pair.cert_pem, key_pem=pair.key_pem),), HTTP_2)
    except (ssl.SSLError, ValueError) as problem:
        raise CertificateUnusable(f"{files.certificate} and {files.key} are no usable key pair: {problem}") from None
    return pair


async def follow_certificate(
    files: TlsFiles, first: GrpcCertificate, changed: Callable[[GrpcCertificate], None]
) -> None:
    """Call ``changed`` with each new pair. One that cannot be used (half written, say) is told and the last one stays.
    Runs until it is cancelled."""
    latest, told = first, ""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            found = await asyncio.to_thread(read_certificate, files)
        except CertificateUnusable as problem:
            if str(problem) != told:
                log.error("%s; the last certificate stays in use", problem)
            told = str(problem)
            continue
        told = ""
        if found != latest:
            latest = found
            log.info("the certificate in %s has changed", files.folder)
            changed(found)


def self_signed() -> GrpcCertificate:
    """A key pair that no file ever holds. It keeps what is sent from being read along; whom a client talks to it cannot
    prove, so clients take it without verifying (as gateways do with endpoint pickers) or are given a real one."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Modelyard")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return GrpcCertificate(
        cert_pem=certificate.public_bytes(serialization.Encoding.PEM),
        key_pem=key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
