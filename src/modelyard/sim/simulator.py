"""One simulated server without its sockets: the engine driven by the event loop's clock, models, faults,
request log.

One timer per server, armed for the engine's next event; an idle server has none. Sinks take the engine's
emissions: they write them out or wait for the last.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import xxhash

from modelyard.sim.api.bodies import Ask
from modelyard.sim.api.errors import ApiError, too_long, unknown_model
from modelyard.sim.api.job import Job
from modelyard.sim.engine import Emission, Engine, QueueFull
from modelyard.sim.expositions import metrics_page
from modelyard.sim.faults import Faults
from modelyard.sim.prose import Answer, adapter_mark, plan
from modelyard.sim.requestlog import RequestLog
from modelyard.sim.sequence import DONE, Sequence
from modelyard.sim.settings import SimSettings

_MIN_DELAY_S = 0.001
"""Timers of the event loop have this resolution; anything due sooner than that comes together."""


class Sink(Protocol):
    """Takes what the engine gives for one job."""

    def emit(self, emission: Emission) -> None:
        """One token or end. Must not raise."""


class Simulator:
    """State of one simulated server. Used from its event loop only."""

    def __init__(self, settings: SimSettings, address: str) -> None:
        self.settings = settings
        self.address = address
        self.engine = Engine(settings, random.Random(settings.seed))
        self.log = RequestLog(settings.request_log)
        self.faults = Faults()
        self.load = 0
        """Model requests under way (``/load``)."""
        self.idle = asyncio.Event()
        """Set while no model request is under way."""
        self.idle.set()
        self.draining = False
        """Shutting down: new model requests are refused."""
        self._dice = random.Random(settings.seed + 1)
        self._ids = random.Random(f"{settings.seed}/{address}/{time.time_ns()}")
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.Handle | None = None
        self._released: asyncio.Event = asyncio.Event()
        self._page: tuple[int, bytes] = (-1, b"")
        self._faults_end: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None
        self.listen: Callable[[bool], Awaitable[None]] = _no_sockets
        """Opens or closes the listening socket; set by whoever owns the sockets."""

    def apply_faults(self, faults: Faults) -> None:
        """Puts ``faults`` in force, as far as they need no sockets."""
        self.faults = faults
        self.engine.latency.itl_factor = faults.itl_factor
        self.engine.stall(faults.hang_after_tokens if faults.hang == "mid-stream" else None, time.monotonic())
        if faults.hang != "before-head":
            self._released.set()
            self._released = asyncio.Event()
        self._poke()

    async def change_faults(self, faults: Faults) -> None:
        """Puts ``faults`` in force; returns once the listening socket is as they say."""
        if self._faults_end is not None:
            self._faults_end.cancel()
            self._faults_end = None
        self.apply_faults(faults)
        if faults.for_s is not None:
            self._faults_end = self._loop.call_later(faults.for_s, self._end_faults)
        await self.listen(not faults.refuse)

    def _end_faults(self) -> None:
        self._ending = self._loop.create_task(self.change_faults(Faults()))

    @contextmanager
    def loaded(self) -> Iterator[None]:
        """Counts one model request for the time of the block."""
        self.load += 1
        self.idle.clear()
        try:
            yield
        finally:
            self.load -= 1
            if not self.load:
                self.idle.set()

    def fault_strikes(self) -> bool:
        """Whether the request at hand gets ``faults.status``."""
        return self.faults.strikes(self._dice)

    async def held_back(self) -> None:
        """Waits while ``hang: before-head`` is in force."""
        while self.faults.hang == "before-head":
            await self._released.wait()

    def resolve(self, model: str | None) -> tuple[str, str]:
        """The name in answers, and the adapter (empty: the base). ApiError 404: there is no such model."""
        settings = self.settings
        if not model or model in settings.names:
            return settings.served_model, ""
        adapter = model
        if settings.flavour == "ray":
            base, _, adapter = model.rpartition(":")
            if base not in settings.names:
                raise unknown_model(model, settings.names)
        if adapter not in self.engine.adapters.paths:
            raise unknown_model(model, settings.names)
        return model, adapter

    def new_id(self) -> str:
        return f"{self._ids.getrandbits(128):032x}"

    def prepare(self, ask: Ask, request_id: str = "") -> Job:
        """A job with its sequences, not yet submitted. ApiError: unknown model, or a prompt that is too
        long."""
        model, lora = self.resolve(ask.model)
        job = Job(ask, id=request_id or self.new_id(), created=int(time.time()), model=model)
        root = xxhash.xxh3_64_intdigest(f"{lora}\0{ask.salt}".encode()) if lora or ask.salt else 0
        for prompt, echo in zip(ask.prompts, ask.echoes, strict=True):
            for choice in range(ask.choices):
                job.sequences.append(self._sequence(ask, prompt, echo, choice, job.model, lora, root))
        job.unfinished = len(job.sequences)
        return job

    def _sequence(self, ask: Ask, prompt: bytes, echo: str, choice: int, model: str, lora: str, root: int) -> Sequence:
        settings = self.settings
        sequence = Sequence(
            prompt,
            None,
            block_size=settings.block_size,
            caching=settings.enable_prefix_caching,
            lora=lora,
            root=root,
        )
        room = settings.context - sequence.prompt_tokens
        if room < 1:
            raise too_long(settings.context, sequence.prompt_tokens)
        if ask.generate:
            salt = f"{settings.seed}/{model}/{ask.seed}/{choice}/".encode()
            sequence.speak(self._answer(ask, xxhash.xxh3_64_intdigest(salt + prompt), echo, room, lora))
        return sequence

    def _answer(self, ask: Ask, seed: int, echo: str, room: int, lora: str) -> Answer:
        mean = self.settings.output_tokens
        natural = max(1, mean // 2 + seed % (mean + 1))
        said = echo if self.settings.answer == "echo" else None
        mark = adapter_mark(lora, self.engine.adapters.paths[lora]) if lora else ""
        return plan(seed, limit=ask.limit, natural=natural, room=room, stop=ask.stop, echo=said, mark=mark)

    def submit(self, job: Job, sink: Sink) -> None:
        """Gives the job to the engine. ApiError 503: the queue is full or the server is shutting down."""
        now = time.monotonic()
        try:
            if self.draining:
                raise ApiError(503, "The server is shutting down.", kind="ServiceUnavailableError")
            for sequence in job.sequences:
                sequence.owner = sink
                self.engine.submit(sequence, now)
        except QueueFull:
            self.abort(job)
            raise ApiError(503, "The request queue is full.", kind="ServiceUnavailableError") from None
        self._poke()

    def abort(self, job: Job) -> None:
        """Ends what the engine still does for ``job``; harmless when it is done."""
        now = time.monotonic()
        aborted = [sequence for sequence in job.sequences if sequence.state != DONE]
        for sequence in aborted:
            self.engine.abort(sequence, now)
        if aborted:
            self._poke()

    def metrics(self) -> bytes:
        """The metrics page; rendered again only after something happened."""
        if self._page[0] != self.engine.version:
            offset = time.time() - time.monotonic()
            self._page = (self.engine.version, metrics_page(self.engine, offset))
        return self._page[1]

    def stop(self) -> None:
        """Ends all timers."""
        if self._faults_end is not None:
            self._faults_end.cancel()
        if self._timer is not None:
            self._timer.cancel()

    def _poke(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_soon(self._step)

    def _step(self) -> None:
        for emission in self.engine.step(time.monotonic()):
            sink: Sink = emission.sequence.owner  # type: ignore[assignment]  # set by submit
            sink.emit(emission)
        self._arm()

    def _arm(self) -> None:
        wake = self.engine.next_wake()
        delay = 0.0 if wake is None else wake - time.monotonic()
        if wake is None:
            self._timer = None
        elif delay <= 0.0:
            self._timer = self._loop.call_soon(self._step)
        else:
            self._timer = self._loop.call_later(max(delay, _MIN_DELAY_S), self._step)


async def _no_sockets(listen: bool) -> None:
    """A simulator that nobody serves has nothing to open or close."""
