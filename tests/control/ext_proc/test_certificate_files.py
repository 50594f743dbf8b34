from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
import trustme

from modelyard.control.ext_proc import certificate_files
from modelyard.control.ext_proc.certificate_files import (
    CertificateUnusable,
    follow_certificate,
    read_certificate,
    self_signed,
)
from modelyard.control.ext_proc.settings import TlsFiles
from modelyard.routing.listeners import Certificate
from modelyard.worker.certificates import HTTP_2, CertificateTable
from modelyard.worker.protocol import GrpcCertificate

CA = trustme.CA()


def write(folder: Path, name: str) -> TlsFiles:
    issued = CA.issue_cert(name)
    (folder / "tls.crt").write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    (folder / "tls.key").write_bytes(issued.private_key_pem.bytes())
    return TlsFiles(folder=folder)


def test_a_key_pair_is_read(tmp_path: Path) -> None:
    pair = read_certificate(write(tmp_path, "a.example.com"))
    assert b"BEGIN CERTIFICATE" in pair.cert_pem


@pytest.mark.parametrize("content", ["", "nonsense"])
def test_a_key_pair_that_cannot_be_used_is_told(tmp_path: Path, content: str) -> None:
    files = write(tmp_path, "a.example.com")
    files.key.write_text(content)
    with pytest.raises(CertificateUnusable, match=r"tls\.key"):
        read_certificate(files)


def test_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(CertificateUnusable, match=r"tls\.crt: No such file"):
        read_certificate(TlsFiles(folder=tmp_path))


def test_changes_are_followed_and_a_broken_pair_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificate_files, "_LOOK_SECONDS", 0.01)
    files = write(tmp_path, "a.example.com")

    async def test() -> None:
        found: asyncio.Queue[GrpcCertificate] = asyncio.Queue()
        task = asyncio.create_task(follow_certificate(files, read_certificate(files), found.put_nowait))
        files.key.write_text("half")
        await asyncio.sleep(0.05)
        assert found.empty()
        write(tmp_path, "b.example.com")
        async with asyncio.timeout(10):
            latest = await found.get()
        assert latest == read_certificate(files)
        task.cancel()

    asyncio.run(test())


def test_a_self_signed_certificate_serves_http_2() -> None:
    pair = self_signed()
    table = CertificateTable(HTTP_2)
    table.serve(Certificate(secret="", cert_pem=pair.cert_pem, key_pem=pair.key_pem))
    client = ssl.create_default_context(cadata=pair.cert_pem.decode())
    client.set_alpn_protocols(["h2", "http/1.1"])
    ours, theirs, to_client, to_server = (ssl.MemoryBIO() for _ in range(4))
    server_side = table.base.wrap_bio(ours, to_client, server_side=True)
    client_side = client.wrap_bio(theirs, to_server, server_hostname="localhost")
    for _ in range(6):
        for side, inward, outward in ((client_side, ours, to_server), (server_side, theirs, to_client)):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
            inward.write(outward.read())
    assert client_side.selected_alpn_protocol() == "h2"
    assert client_side.version() in ("TLSv1.2", "TLSv1.3")
    assert self_signed().key_pem != pair.key_pem
