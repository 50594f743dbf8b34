"""The ext_proc worker's server, told by a test what to serve and where."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import grpc
import msgspec
import pytest
from envoy.service.ext_proc.v3 import external_processor_pb2, external_processor_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from modelyard.control.ext_proc.certificate_files import self_signed
from modelyard.control.ext_proc.ports import free_ports
from modelyard.extproc.worker import ExtProcServer
from modelyard.http1.request_parsing import parse_request_head
from modelyard.resources.resource_set import ResourceSet, encode_objects
from modelyard.snapshot import Settings, build_snapshot
from modelyard.telemetry.picker_rows import PickerRows
from modelyard.worker import protocol
from modelyard.worker.life import WorkerLife, options_of
from modelyard.worker.protocol import Configure, ExtProc, GrpcBinding, PickerSettings, RouterSettings

pytestmark = pytest.mark.integration

SNAPSHOT = build_snapshot(ResourceSet())


def order(*bindings: GrpcBinding, **fields: object) -> Configure:
    ext_proc = ExtProc(bindings=bindings, picker=PickerSettings())
    return Configure(
        generation=1,
        resources=encode_objects(ResourceSet()),
        ext_proc=msgspec.structs.replace(ext_proc, **fields),
    )


def server_at(tmp_path: Path) -> tuple[WorkerLife, ExtProcServer]:
    life = WorkerLife(options_of("test", ["--control", str(tmp_path / "nobody")]), ExtProcServer)
    assert isinstance(life.server, ExtProcServer)
    return life, life.server


async def health(port: int, certificate: bytes | None = None, service: str = "") -> int:
    """0: nobody answers."""
    place = f"127.0.0.1:{port}"
    options = [("grpc.ssl_target_name_override", "localhost")]
    channel = (
        grpc.aio.insecure_channel(place)
        if certificate is None
        else grpc.aio.secure_channel(place, grpc.ssl_channel_credentials(certificate), options)
    )
    async with channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            return int((await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)).status)
        except grpc.aio.AioRpcError:
            return 0


def test_ports_follow_the_order_of_another_control_process(tmp_path: Path) -> None:
    """Another port, and TLS where there was none."""

    async def test() -> None:
        _, server = server_at(tmp_path)
        first, second = free_ports("127.0.0.1", 2)
        plain = GrpcBinding(host="127.0.0.1", port=first)
        assert await server.apply(order(plain), SNAPSHOT) == []
        assert await server.apply(order(plain), SNAPSHOT) == []
        assert await health(first) == 2
        pair = self_signed()
        secure = GrpcBinding(host="127.0.0.1", port=second, tls=True)
        assert await server.apply(order(secure, certificate=pair), SNAPSHOT) == []
        assert await health(second, pair.cert_pem) == 2
        assert await health(first) == 0
        server.close()
        await server.drain(0.0)

    asyncio.run(test())


def test_probes_are_answered_for_as_long_as_something_is_open(tmp_path: Path) -> None:
    """Fresh connections too, after the port of ext_proc has closed; nobody's probes make the drain last."""

    async def test() -> None:
        _, server = server_at(tmp_path)
        port, probes = free_ports("127.0.0.1", 2)
        host = "127.0.0.1"
        bindings = (GrpcBinding(host=host, port=port), GrpcBinding(host=host, port=probes, processor=False))
        assert await server.apply(order(*bindings), SNAPSHOT) == []
        async with grpc.aio.insecure_channel(f"{host}:{port}") as channel:
            stream = external_processor_pb2_grpc.ExternalProcessorStub(channel).Process()
            await stream.write(external_processor_pb2.ProcessingRequest(observability_mode=True))
            watch = await asyncio.open_connection(host, probes)
            async with asyncio.timeout(10):
                while server.open_connections < 2:  # noqa: ASYNC110 - the state has no event
                    await asyncio.sleep(0.01)
            server.close()
            drained = asyncio.create_task(server.drain(30.0))
            async with asyncio.timeout(10):
                while await health(port):  # noqa: ASYNC110 - it is asked
                    await asyncio.sleep(0.01)
            assert [await health(probes, service=name) for name in ("liveness", "readiness", "")] == [1, 2, 2]
            assert not drained.done()
            await stream.done_writing()
            async with asyncio.timeout(10):
                await drained
            assert await health(probes) == 0
            watch[1].close()

    asyncio.run(test())


def test_a_port_that_is_taken_is_a_fault_until_it_is_free(tmp_path: Path) -> None:
    async def test() -> None:
        taken = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = taken.sockets[0].getsockname()[1]
        _, server = server_at(tmp_path)
        wanted = order(GrpcBinding(host="127.0.0.1", port=port))
        (fault,) = await server.apply(wanted, SNAPSHOT)
        assert fault.reason == "PortUnavailable"
        taken.close()
        await taken.wait_closed()
        assert await server.apply(wanted, SNAPSHOT) == []
        server.close()
        await server.drain(0.0)

    asyncio.run(test())


def test_what_is_counted_and_asked(tmp_path: Path) -> None:
    head = parse_request_head(b"POST /v1/completions HTTP/1.1\r\nhost: x\r\n\r\n")

    async def test() -> None:
        _, server = server_at(tmp_path)
        with pytest.raises(ValueError, match="picks no endpoints"):
            server.explain("default/p", head, b"", 0.0)
        await server.apply(order(picker=None, router=RouterSettings()), SNAPSHOT)
        with pytest.raises(ValueError, match="picks no endpoints"):
            server.explain("default/p", head, b"", 0.0)
        await server.apply(order(), SNAPSHOT)
        with pytest.raises(ValueError, match="no InferencePool default/p"):
            server.explain("default/p", head, b"", 0.0)
        stats = server.count(protocol.Stats(worker=0), 0.0)
        assert (stats.running, stats.pools) == ({}, {})
        server.close()
        await server.drain(0.0)

    asyncio.run(test())


def test_a_body_of_the_largest_size_may_come_in_one_message(tmp_path: Path) -> None:
    """Also where that is more than a message may have otherwise."""
    limit = 66 << 20
    body = b'{"model": "m", "prompt": "' + b"a" * (65 << 20) + b'"}'
    asked = (
        external_processor_pb2.ProcessingRequest(request_headers=external_processor_pb2.HttpHeaders()),
        external_processor_pb2.ProcessingRequest(
            request_body=external_processor_pb2.HttpBody(body=body, end_of_stream=True)
        ),
    )

    async def test() -> None:
        life, server = server_at(tmp_path)
        snapshot = build_snapshot(ResourceSet(), settings=Settings(body_limit=limit))
        life.gateway.swap(snapshot)
        (port,) = free_ports("127.0.0.1", 1)
        wanted = order(GrpcBinding(host="127.0.0.1", port=port), picker=None, router=RouterSettings())
        assert await server.apply(msgspec.structs.replace(wanted, body_limit=limit), snapshot) == []
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = external_processor_pb2_grpc.ExternalProcessorStub(channel)
            answers = [answer async for answer in stub.Process(iter(asked), timeout=60)]
        fields = [
            (option.header.key.lower(), option.header.raw_value)
            for answer in answers
            for option in answer.request_body.response.header_mutation.set_headers
        ]
        assert ("x-gateway-model-name", b"m") in fields
        server.close()
        await server.drain(0.0)

    asyncio.run(test())


def test_connections_that_speak_something_else_are_counted(tmp_path: Path) -> None:
    """Plain text to a TLS port, TLS to a plain one."""

    async def meet(port: int, greeting: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(greeting)
        writer.write_eof()
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def test() -> None:
        _, server = server_at(tmp_path)
        secure, plain = free_ports("127.0.0.1", 2)
        bindings = (
            GrpcBinding(host="127.0.0.1", port=secure, tls=True),
            GrpcBinding(host="127.0.0.1", port=plain, processor=False),
        )
        assert await server.apply(order(*bindings, certificate=self_signed()), SNAPSHOT) == []
        await meet(secure, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        await meet(plain, b"\x16\x03\x01\x02\x00")
        rows = msgspec.msgpack.decode(server.count(protocol.Stats(worker=0), 0.0).server_rows, type=PickerRows)
        assert rows.failed_connections == {"no_tls": 1, "tls": 1}
        server.close()
        await server.drain(0.0)

    asyncio.run(test())
