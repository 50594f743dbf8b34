"""Many servers in one process, shutdown, and the command in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import Any

import aiohttp
import pytest

from modelyard.sim.server import allow_many_sockets, consecutive_hosts, running_sim, running_sims
from modelyard.sim.settings import INSTANT, SimSettings

pytestmark = pytest.mark.integration
BOUND_S = 60.0
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 4}


def test_many_servers_share_a_process_and_keep_apart() -> None:
    async def main() -> None:
        hosts = consecutive_hosts("127.71.0.250", 20)
        async with running_sims(SimSettings(model="m", **INSTANT), hosts=hosts) as sims:
            assert [sim.host for sim in sims] == hosts
            assert hosts[-1] == "127.71.1.13"
            async with aiohttp.ClientSession() as session:
                for sim in sims[:3]:
                    async with session.post(f"{sim.url}/v1/chat/completions", json=CHAT) as answer:
                        assert answer.headers["x-sim-endpoint"] == sim.address
            assert [sim.engine.statistics.submitted for sim in sims] == [1, 1, 1] + [0] * 17

    bounded(main())


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    async def main() -> None:
        async with running_sim() as first:
            with pytest.raises(OSError, match="address already in use"):
                async with running_sims(hosts=["127.71.2.1", first.host], port=first.port):
                    pass
            async with running_sim(host="127.71.2.1", port=first.port):
                pass

    bounded(main())


@pytest.mark.parametrize(("timeout", "ends"), [(30.0, True), (0.0, False)])
def test_shutdown_lets_requests_end_within_the_timeout(timeout: float, ends: bool) -> None:
    async def main() -> None:
        settings = SimSettings(model="m", ttft_s=0.01, itl_s=0.02, shutdown_timeout=timeout)
        async with running_sim(settings) as sim, aiohttp.ClientSession() as session:
            body = {**CHAT, "max_tokens": 10, "stream": True}
            async with session.post(f"{sim.url}/v1/chat/completions", json=body) as answer:
                await answer.content.readany()
                closing = asyncio.ensure_future(sim.close())
                if ends:
                    assert (await answer.content.read()).endswith(b"data: [DONE]\n\n")
                else:
                    with pytest.raises(aiohttp.ClientError):
                        await answer.content.read()
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{sim.url}/health")
            await closing

    bounded(main())


def test_two_thousand_slow_streams_at_once() -> None:
    allow_many_sockets()
    count, tokens = 2000, 4

    async def main() -> None:
        settings = SimSettings(model="m", max_num_seqs=count, ttft_s=0.5, itl_s=0.2, load_slowdown=0.0, request_log=0)
        async with running_sim(settings) as sim:
            streams = await asyncio.gather(*(raw_stream(sim.host, sim.port, tokens) for _ in range(count)))
            assert sim.engine.statistics.finished["length"] == count
        assert all(stream.count(b'"finish_reason":"length"') == 1 for stream in streams)
        assert all(stream.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") for stream in streams)

    bounded(main())


async def raw_stream(host: str, port: int, tokens: int) -> bytes:
    reader, writer = await asyncio.open_connection(host, port)
    body = json.dumps({**CHAT, "max_tokens": tokens, "stream": True}).encode()
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    answer = await reader.readuntil(b"0\r\n\r\n")
    writer.close()
    return answer


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_serves_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    async def main() -> None:
        process = await command("m", "--count", "2", "--host", "127.71.3.1", "--port", "0", "--instant")
        try:
            sims = await first_json(process)
            assert [sim["models"] for sim in sims] == [["m"], ["m"]]
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"{sims[1]['url']}/v1/chat/completions", json=CHAT) as answer,
            ):
                assert (await answer.json())["model"] == "m"
            process.send_signal(number)
            assert await process.wait() == 0
            assert process.stderr
            assert await process.stderr.read() == b""
        finally:
            ended(process)

    bounded(main())


def test_a_taken_port_has_an_exit_code_of_its_own() -> None:
    async def main() -> None:
        async with running_sim(host="127.71.4.1") as sim:
            process = await command("--host", sim.host, "--port", str(sim.port))
            try:
                assert await process.wait() == 5
                assert process.stderr
                assert b"address already in use" in await process.stderr.read()
            finally:
                ended(process)

    bounded(main())


async def command(*arguments: str) -> asyncio.subprocess.Process:
    line = [sys.executable, "-m", "modelyard.cli.main", "sim", *arguments, "--output", "json"]
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(*line, stdout=pipe, stderr=pipe, env={**os.environ, "NO_COLOR": "1"})


async def first_json(process: asyncio.subprocess.Process) -> Any:
    assert process.stdout
    text = await process.stdout.readuntil(b"\n]\n")
    return json.loads(text)


def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()


def bounded(scenario: Any) -> None:
    async def main() -> None:
        async with asyncio.timeout(BOUND_S):
            await scenario

    asyncio.run(main())
