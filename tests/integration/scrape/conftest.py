"""Small servers that do exactly what a test wants, and a scraper that is in a hurry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import pytest

from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendKey, Fleet
from modelyard.fleet.health import PassiveSettings
from modelyard.scrape.scraper import Scraper
from modelyard.scrape.settings import ScrapeSettings

Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]
KEY = BackendKey(kind="InferencePool", namespace="d", name="p")
VLLM = b'vllm:num_requests_waiting{model_name="m"} 2\nvllm:num_requests_running{model_name="m"} 3\n'
MODELS = b'{"object":"list","data":[{"id":"m","owned_by":"vllm"}]}'


def ok(body: bytes = b"", content_type: bytes = b"text/plain") -> bytes:
    """A whole answer."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
    return head % (content_type, len(body)) + body


def status(code: int) -> bytes:
    """An answer without a body."""
    return b"HTTP/1.1 %d x\r\ncontent-length: 0\r\n\r\n" % code


def vllm_answers() -> dict[str, Answer]:
    """What a vLLM answers."""
    return {"/metrics": ok(b"# HELP x\n" + VLLM), "/health": ok(), "/v1/models": ok(MODELS)}


@dataclass
class Server:
    """Answers by path; without an answer 404. ``asked`` counts requests by path."""

    answers: dict[str, Answer] = field(default_factory=vllm_answers)
    address: str = ""
    asked: dict[str, int] = field(default_factory=dict)
    connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path = head.split(b" ")[1].decode().partition("?")[0]
                self.asked[path] = self.asked.get(path, 0) + 1
                await self.answer(path, writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.connections -= 1
            writer.transport.abort()

    async def answer(self, path: str, writer: asyncio.StreamWriter) -> None:
        answer = self.answers.get(path, status(404))
        if callable(answer):
            await answer(writer)
        else:
            writer.write(answer)
            await writer.drain()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds; the bound is that of the test."""
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.005)


class Watched:
    """A scraper over some addresses, and what it has published."""

    def __init__(self, settings: ScrapeSettings) -> None:
        self.fleets: list[Fleet] = []
        self.scraper = Scraper(self.fleets.append, settings=settings)

    def watch(self, *specs: EndpointSpec | str) -> None:
        endpoints = tuple(
            EndpointSpec(endpoint=Endpoint(address=spec)) if isinstance(spec, str) else spec for spec in specs
        )
        self.scraper.set_backends({KEY: BackendSpec(key=KEY, endpoints=endpoints)})

    def state(self, index: int = 0) -> EndpointState:
        return self.scraper.fleet.backends[KEY].endpoints[index]

    async def until(self, condition: Callable[[EndpointState], bool], index: int = 0) -> EndpointState:
        """Wait until the endpoint is so; the bound is that of the test."""
        await until(lambda: KEY in self.scraper.fleet.backends and condition(self.state(index)))
        return self.state(index)


HURRIED = ScrapeSettings(
    period=0.02,
    timeout=0.3,
    max_back_off=0.1,
    models_period=0.1,
    models_timeout=0.5,
    batch=0.01,
    refresh=0.05,
    recognise_timeout=0.5,
    recognise_again=0.2,
    tick=0.005,
    passive=PassiveSettings(back_off=0.1),
)


class Kit:
    """What the tests of this folder use."""

    KEY, VLLM, HURRIED, Server = KEY, VLLM, HURRIED, Server
    ok, status, vllm_answers = staticmethod(ok), staticmethod(status), staticmethod(vllm_answers)
    until = staticmethod(until)

    @staticmethod
    @asynccontextmanager
    async def serving(
        answers: dict[str, Answer] | None = None, host: str = "127.0.0.1", port: int = 0, **options: object
    ) -> AsyncIterator[Server]:
        server = Server() if answers is None else Server(answers)
        listener = await asyncio.start_server(server.serve, host, port, **options)  # type: ignore[arg-type]
        server.address = f"{host}:{listener.sockets[0].getsockname()[1]}"
        try:
            yield server
        finally:
            listener.close()

    @staticmethod
    @asynccontextmanager
    async def watching(*specs: EndpointSpec | str, settings: ScrapeSettings = HURRIED) -> AsyncIterator[Watched]:
        watched = Watched(settings)
        watched.watch(*specs)
        try:
            async with asyncio.timeout(20):
                yield watched
        finally:
            await watched.scraper.close()

    @staticmethod
    def run(test: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(30):
                await test()

        asyncio.run(bounded())


@pytest.fixture
def kit() -> type[Kit]:
    return Kit


Serving = Callable[..., AbstractAsyncContextManager[Server]]
