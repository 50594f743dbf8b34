"""Sockets and certificates that change while connections stand."""

from __future__ import annotations

import asyncio
import socket
import ssl

import pytest
import trustme

from modelyard.proxy.listeners import Listeners
from modelyard.routing.listeners import Certificate, Listener
from modelyard.worker.protocol import SocketBinding

from .conftest import GET, GROUP, MANIFEST, Peer, Yard, always, answer_ok, endpoint, run, snapshot_of, until, yard

pytestmark = pytest.mark.integration


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def free_ports() -> tuple[int, int]:
    """Two that differ: the first is held while the second is looked for."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1]), free_port()


def binding(port: int, *, tls: bool = False) -> SocketBinding:
    return SocketBinding(group=GROUP, host="127.0.0.1", port=port, tls=tls)


def https(ca: trustme.CA, *names: str, hostname: str = "", wrong: bool = False) -> Listener:
    issued = ca.issue_cert(*names)
    key = (ca.issue_cert("x") if wrong else issued).private_key_pem.bytes()
    pem = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
    certificate = Certificate(secret="default/tls", cert_pem=pem, key_pem=key)
    return Listener(
        namespace="default",
        gateway="gw",
        name=hostname or "any",
        port=80,
        protocol="HTTPS",
        hostname=hostname,
        certificates=(certificate,),
    )


class Client:
    """TLS clients that trust one CA."""

    def __init__(self, ca: trustme.CA) -> None:
        self.context = ssl.create_default_context()
        ca.configure_trust(self.context)
        self.context.set_alpn_protocols(["h2", "http/1.1"])

    async def connect(self, port: int, name: str) -> Peer:
        return Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=self.context, server_hostname=name))


def names_of(peer: Peer) -> set[str]:
    certificate = peer.writer.get_extra_info("peercert")
    return {name for _, name in certificate["subjectAltName"]}


async def asks(peer: Peer) -> int:
    peer.send(GET)
    return (await peer.response())[0]


def test_sockets_come_and_go_without_dropping_a_connection() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            listeners = Listeners(gw.plane)
            one, two = free_ports()
            assert await listeners.apply([binding(one)], []) == []
            first = Peer(*await asyncio.open_connection("127.0.0.1", one))
            assert await asks(first) == 200
            assert await listeners.apply([binding(two)], []) == []
            assert {port for _, port in listeners.places()} == {two}
            assert await asks(first) == 200
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", one)
            second = Peer(*await asyncio.open_connection("127.0.0.1", two))
            assert await asks(second) == 200
            listeners.close()
            assert await asks(second) == 200

    run(test())


def test_standing_connections_follow_their_listener_to_another_name() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            listeners = Listeners(gw.plane)
            port = free_port()
            assert await listeners.apply([binding(port)], []) == []
            client = Peer(*await asyncio.open_connection("127.0.0.1", port))
            assert await asks(client) == 200
            gw.gateway.swap(snapshot_of(MANIFEST.replace("gw}", "renamed}"), 2))
            renamed = SocketBinding(group="default/renamed:80", host="127.0.0.1", port=port)
            assert await listeners.apply([renamed], []) == []
            client.send(GET)
            status, head, _ = await client.response()
            assert status == 200
            assert b"connection: close" not in head
            assert [record.listener for record in gw.records] == [GROUP, renamed.group]
            listeners.close()

    run(test())


def test_connections_of_a_closed_socket_end_with_their_next_answer() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            listeners = Listeners(gw.plane)
            port = free_port()
            assert await listeners.apply([binding(port)], []) == []
            client = Peer(*await asyncio.open_connection("127.0.0.1", port))
            assert await asks(client) == 200
            assert await listeners.apply([], []) == []
            client.send(GET)
            status, head, _ = await client.response()
            assert status == 200
            assert b"\r\nconnection: close\r\n" in head
            assert await client.rest() == b""

    run(test())


def test_a_port_that_is_taken_is_told() -> None:
    async def test() -> None:
        async with yard() as gw:
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                taken.listen()
                port = taken.getsockname()[1]
                listeners = Listeners(gw.plane)
                other = free_port()
                problems = await listeners.apply([binding(port), binding(other)], [])
                assert len(problems) == 1
                assert (problems[0].reason, problems[0].group) == ("PortUnavailable", GROUP)
                assert str(port) in problems[0].message
                assert {port for _, port in listeners.places()} == {other}
                listeners.close()

    run(test())


def test_two_workers_share_a_port() -> None:
    async def test() -> None:
        async with endpoint(answer_ok) as server, yard(server.address) as gw, yard(server.address) as other:
            port = free_port()
            sets = [Listeners(each.plane, reuse_port=True) for each in (gw, other)]
            for listeners in sets:
                assert await listeners.apply([binding(port)], []) == []
            for _ in range(100):
                peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
                assert await asks(peer) == 200
                peer.close()
            assert gw.records
            assert other.records
            for listeners in sets:
                listeners.close()

    run(test())


async def tls_yard(gw: Yard, *listeners: Listener) -> tuple[Listeners, int]:
    port = free_port()
    sockets = Listeners(gw.plane)
    assert await sockets.apply([binding(port, tls=True)], listeners) == []
    return sockets, port


def test_a_certificate_is_chosen_by_the_name_asked_for() -> None:
    async def test() -> None:
        ca = trustme.CA()
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            sockets, port = await tls_yard(
                gw,
                https(ca, "a.example.com", hostname="a.example.com"),
                https(ca, "*.example.com", hostname="*.example.com"),
            )
            client = Client(ca)
            for name, expected in [("a.example.com", "a.example.com"), ("B.example.com", "*.example.com")]:
                peer = await client.connect(port, name)
                assert names_of(peer) == {expected}
                assert peer.writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
                assert await asks(peer) == 200
                facts = [c.facts for c in gw.plane.clients]
                assert name.lower() in {each.server_name for each in facts}
                assert all(each.tls for each in facts)
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                await client.connect(port, "elsewhere.net")
            sockets.close()

    run(test())


def test_a_client_that_names_no_host_gets_a_certificate() -> None:
    async def test() -> None:
        ca = trustme.CA()
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            sockets, port = await tls_yard(gw, https(ca, "a.example.com", hostname="a.example.com"))
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port, ssl=context))
            assert await asks(peer) == 200
            sockets.close()

    run(test())


def test_a_certificate_is_replaced_under_open_connections() -> None:
    async def test() -> None:
        old, new = trustme.CA(), trustme.CA()
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            sockets, port = await tls_yard(gw, https(old, "a.example.com"))
            peer = await Client(old).connect(port, "a.example.com")
            assert await sockets.apply([binding(port, tls=True)], [https(new, "a.example.com")]) == []
            assert await asks(peer) == 200
            fresh = await Client(new).connect(port, "a.example.com")
            assert await asks(fresh) == 200
            with pytest.raises(ssl.SSLError):
                await Client(old).connect(port, "a.example.com")
            sockets.close()

    run(test())


def test_a_key_that_does_not_fit_is_told_and_hurts_no_other_listener() -> None:
    async def test() -> None:
        ca = trustme.CA()
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            sockets = Listeners(gw.plane)
            port = free_port()
            problems = await sockets.apply(
                [binding(port, tls=True)],
                [https(ca, "a.example.com", hostname="a.example.com", wrong=True), https(ca, "b.example.com")],
            )
            assert len(problems) == 1
            assert (problems[0].reason, problems[0].listener) == ("InvalidCertificateRef", "a.example.com")
            assert await asks(await Client(ca).connect(port, "b.example.com")) == 200
            sockets.close()

    run(test())


def test_large_answers_over_tls_and_clients_that_leave() -> None:
    async def test() -> None:
        ca = trustme.CA()
        body = b"x" * (8 << 20)

        answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body

        async with endpoint(always(answer)) as server, yard(server.address) as gw:
            sockets, port = await tls_yard(gw, https(ca, "a.example.com"))
            peer = await Client(ca).connect(port, "a.example.com")
            peer.send(GET)
            assert (await peer.response())[2] == body
            leaving = await Client(ca).connect(port, "a.example.com")
            leaving.send(GET)
            await leaving.head()
            leaving.close()
            await gw.all_released()
            peer.close()
            await until(lambda: not gw.plane.clients)
            sockets.close()

    run(test())


def test_plain_http_on_a_tls_port_does_not_disturb() -> None:
    async def test() -> None:
        ca = trustme.CA()
        async with endpoint(answer_ok) as server, yard(server.address) as gw:
            sockets, port = await tls_yard(gw, https(ca, "a.example.com"))
            plain = Peer(*await asyncio.open_connection("127.0.0.1", port))
            plain.send(GET)
            await plain.rest()
            assert await asks(await Client(ca).connect(port, "a.example.com")) == 200
            sockets.close()

    run(test())
