from __future__ import annotations

import ssl

import pytest
import trustme

from modelyard.routing.listeners import Certificate, Listener
from modelyard.worker.certificates import CertificateTable, context_of

CA = trustme.CA()


def certificate(name: str) -> Certificate:
    issued = CA.issue_cert(name)
    pem = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    return Certificate(secret=f"default/{name}", cert_pem=pem, key_pem=issued.private_key_pem.bytes())


def listener(hostname: str) -> Listener:
    return Listener(
        namespace="default",
        gateway="gw",
        name=hostname or "any",
        port=443,
        protocol="HTTPS",
        hostname=hostname,
        certificates=(certificate(hostname or "any.example.com"),),
    )


@pytest.fixture(scope="module")
def table() -> CertificateTable:
    made = CertificateTable()
    assert made.replace([listener("a.example.com"), listener("*.example.com"), listener("*.b.example.com")]) == []
    return made


def test_the_most_specific_name_wins(table: CertificateTable) -> None:
    chosen = [table.choose(name) for name in ("a.example.com", "c.example.com", "x.b.example.com")]
    assert None not in chosen
    assert len(set(map(id, chosen))) == 3
    assert table.choose("x.b.example.com") is table.choose("y.b.example.com")


def test_a_name_without_listener_has_no_certificate(table: CertificateTable) -> None:
    assert table.choose("example.com") is None
    assert table.choose("elsewhere.net") is None


def test_no_name_gets_the_first(table: CertificateTable) -> None:
    assert table.choose("") is table.choose("a.example.com")


def test_a_listener_for_every_host_is_the_default() -> None:
    made = CertificateTable()
    made.replace([listener("a.example.com"), listener("")])
    assert made.choose("elsewhere.net") is made.choose("")
    assert made.choose("a.example.com") is not made.choose("")


def test_old_protocols_are_off() -> None:
    assert context_of([certificate("a")]).minimum_version == ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("pem", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_told(pem: bytes) -> None:
    made = CertificateTable()
    broken = Certificate(secret="default/x", cert_pem=pem, key_pem=b"")
    whole = listener("a.example.com")
    faults = made.replace(
        [
            Listener(
                namespace="default",
                gateway="gw",
                name="broken",
                port=443,
                protocol="HTTPS",
                hostname="b.example.com",
                certificates=(broken,),
            ),
            whole,
        ]
    )
    assert [fault.listener for fault in faults] == ["broken"]
    assert made.choose("a.example.com") is not None


def test_less_than_the_required_version_is_refused(table: CertificateTable) -> None:
    def handshake(table: CertificateTable, most: ssl.TLSVersion) -> str | None:
        client = ssl.create_default_context()
        CA.configure_trust(client)
        client.maximum_version = most
        inward, outward = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(inward, outward, server_hostname="a.example.com"),
            table.base.wrap_bio(outward, inward, server_side=True),
        ]
        for _ in range(4):
            for end in ends:
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
        return ends[0].version()

    made = CertificateTable()
    made.replace([listener("a.example.com")])
    assert handshake(made, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    made.require("TLSv1.3")
    assert handshake(made, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        handshake(made, ssl.TLSVersion.TLSv1_2)
