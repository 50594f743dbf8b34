"""The simulated engine: a waiting queue, a running batch, a KV cache and adapters, as one step function.

The caller brings the time. ``submit`` and ``abort`` change what there is to do, ``step(now)`` does what is
due and returns the tokens that came out, ``next_wake()`` says when to step again. Every running sequence has
its own next token time in one heap, so a step costs what happens in it, not what is open.

Rules (vLLM's V1 scheduler): first come, first served; the head of the queue waits for blocks and everyone
behind it with it, but a sequence whose adapter has no slot is passed over; when a running sequence needs a
block and none is free, the youngest running one is preempted, goes back to the head and computes its prompt
again.
"""

from __future__ import annotations

from collections import deque
from heapq import heappop, heappush
from typing import TYPE_CHECKING, NamedTuple

from modelyard.sim.adapters import Adapters
from modelyard.sim.kvcache import KvCache, Lease
from modelyard.sim.latency import Latency
from modelyard.sim.measurements import Statistics
from modelyard.sim.sequence import DONE, RUNNING, WAITING, Sequence
from modelyard.sim.settings import SimSettings
from modelyard.sim.tokens import block_hash

if TYPE_CHECKING:
    import random

_STEP_BUDGET = 4096
"""Tokens per step: with zero latency one long answer must not keep the caller from its sockets."""
_CATCH_UP_S = 0.05
"""A late step does not shift later tokens, up to this lateness."""
_ADAPTER_STATES = 64
"""Series of ``lora_requests_info`` kept; the oldest go first."""


class QueueFull(Exception):
    """The queue holds ``max_num_queued_reqs`` already."""


class Emission(NamedTuple):
    """One token of one sequence, or its end without one (``piece`` is then empty)."""

    sequence: Sequence
    piece: str
    finished: bool


class Engine:
    """One simulated engine. Not thread-safe; ``now`` never goes back."""

    def __init__(self, settings: SimSettings, rng: random.Random) -> None:
        self.settings = settings
        self.cache = KvCache(settings.num_blocks, caching=settings.enable_prefix_caching)
        self.adapters = Adapters(settings.lora, max_running=settings.max_loras, max_ready=settings.adapters_ready)
        self.latency = Latency(settings, rng)
        self.statistics = Statistics()
        self.running: dict[Sequence, None] = {}
        """The batch, in order of admission."""
        self.waiting = 0
        """Sequences in the queue."""
        self.deferred = 0
        """Of these, those passed over at the last admission because their adapter has no slot."""
        self.adapter_states: dict[tuple[str, str], float] = {}
        """(running adapters, waiting adapters) as comma-joined names -> when it was last so."""
        self.version = 0
        """Grows with every change that metrics can show."""
        self._queue: deque[Sequence] = deque()
        self._due: list[tuple[float, int, Sequence, int]] = []
        self._order = 0
        self._may_admit = False
        self._stall_after: int | None = None
        self._stalled: list[Sequence] = []

    def submit(self, sequence: Sequence, now: float) -> None:
        """Queues a sequence. QueueFull: the queue is at its limit and the batch is full."""
        limit = self.settings.max_num_queued_reqs
        if limit and self.waiting >= limit and len(self.running) >= self.settings.max_num_seqs:
            self.statistics.rejected += 1
            self.version += 1
            raise QueueFull
        sequence.arrived_at = now
        self.statistics.submitted += 1
        self._enqueue(sequence)
        self._queue.append(sequence)

    def abort(self, sequence: Sequence, now: float) -> None:
        """Ends a sequence at once, wherever it is; nothing more comes out of it."""
        if sequence.state == WAITING:
            self.waiting -= 1
            self.adapters.dequeue(sequence.lora)
            self._ended(sequence, "abort", now)
        elif sequence.state == RUNNING:
            self._leave(sequence)
            self._ended(sequence, "abort", now)

    def step(self, now: float) -> list[Emission]:
        """Everything due by ``now``, in order."""
        emissions: list[Emission] = []
        for _ in range(_STEP_BUDGET):
            if self._may_admit:
                self._admit(now)
            if not self._due or self._due[0][0] > now:
                break
            due, _, sequence, epoch = heappop(self._due)
            if sequence.epoch == epoch:
                self._advance(sequence, max(due, now - _CATCH_UP_S), now, emissions)
        self.version += 1
        if self.settings.has_lora:
            self._note_adapters(now)
        return emissions

    def next_wake(self) -> float | None:
        """When to step again: a time, possibly past; None: nothing is under way."""
        if self._may_admit and self.waiting:
            return float("-inf")
        return self._due[0][0] if self._due else None

    def stall(self, after: int | None, now: float) -> None:
        """Makes sequences stop for ever once they have ``after`` tokens; None lets all go on."""
        self._stall_after = after
        stalled, self._stalled = self._stalled, []
        for sequence in stalled:
            if sequence.state == RUNNING:
                self._schedule(sequence, now)

    def _enqueue(self, sequence: Sequence) -> None:
        sequence.state = WAITING
        self.waiting += 1
        self.adapters.queue(sequence.lora)
        self._may_admit = True
        self.version += 1

    def _admit(self, now: float) -> None:
        self._may_admit = False
        passed_over: list[Sequence] = []
        while self._queue and len(self.running) < self.settings.max_num_seqs:
            sequence = self._queue[0]
            if sequence.state == WAITING:
                if not self.adapters.fits(sequence.lora):
                    passed_over.append(self._queue.popleft())
                    continue
                lease = self.cache.acquire(sequence.hashes, self._blocks(sequence.tokens))
                if lease is None:
                    break
                self._start(sequence, lease, now)
            self._queue.popleft()
        self._queue.extendleft(reversed(passed_over))
        self.deferred = len(passed_over)

    def _start(self, sequence: Sequence, lease: Lease, now: float) -> None:
        size = self.settings.block_size
        cached = min(lease.hits, (sequence.tokens - 1) // size) * size
        self.waiting -= 1
        self.adapters.dequeue(sequence.lora)
        bring = self.adapters.enter(sequence.lora)
        sequence.state, sequence.lease, sequence.hashes = RUNNING, lease, []
        self.running[sequence] = None
        if not sequence.preempted:
            sequence.admitted_at, sequence.cached_tokens = now, min(cached, sequence.prompt_tokens)
            self._count_prompt(sequence)
        delay = self.latency.first_token(
            uncached=sequence.tokens - cached,
            running=len(self.running) - 1,
            usage=self.cache.usage,
            bring_adapter=bring,
        )
        self._schedule(sequence, now + delay)

    def _count_prompt(self, sequence: Sequence) -> None:
        counts = self.statistics
        counts.prompt_tokens += sequence.prompt_tokens
        counts.cached_prompt_tokens += sequence.cached_tokens
        if self.cache.caching:
            counts.prefix_queries += sequence.prompt_tokens
            counts.prefix_hits += sequence.cached_tokens
        counts.queued.observe(sequence.admitted_at - sequence.arrived_at)

    def _advance(self, sequence: Sequence, due: float, now: float, emissions: list[Emission]) -> None:
        if sequence.answer is None:
            self._finish(sequence, now)
            emissions.append(Emission(sequence, "", True))
            return
        if self._stall_after is not None and sequence.generated >= self._stall_after:
            self._stalled.append(sequence)
            return
        if not self._has_room(sequence):
            return
        piece = next(sequence.pieces)
        self._generated(sequence, piece, now)
        finished = sequence.generated >= sequence.answer.tokens
        emissions.append(Emission(sequence, piece, finished))
        if finished:
            self._finish(sequence, now)
        else:
            self._schedule(sequence, due + self.latency.next_token(running=len(self.running), usage=self.cache.usage))

    def _has_room(self, sequence: Sequence) -> bool:
        """Gets the block for the next token, preempting the youngest while there is none; False: that was
        itself."""
        lease = sequence.held
        if sequence.tokens < (len(lease.hashes) + lease.private) * self.settings.block_size:
            return True
        while not self.cache.grow(lease):
            victim = next(reversed(self.running))
            self._preempt(victim)
            if victim is sequence:
                return False
        return True

    def _preempt(self, sequence: Sequence) -> None:
        sequence.hashes = list(sequence.held.hashes)
        sequence.preempted += 1
        self.statistics.preemptions += 1
        self._leave(sequence)
        self._enqueue(sequence)
        self._queue.appendleft(sequence)

    def _generated(self, sequence: Sequence, piece: str, now: float) -> None:
        sequence.generated += 1
        self.statistics.generation_tokens += 1
        if sequence.generated == 1:
            sequence.first_at = now
            self.statistics.first_token.observe(now - sequence.arrived_at)
        else:
            self.statistics.inter_token.observe(now - sequence.last_at)
        sequence.last_at = now
        if self.cache.caching:
            sequence.append(piece)
            if sequence.tokens % self.settings.block_size == 0:
                self._fill(sequence)

    def _fill(self, sequence: Sequence) -> None:
        sequence.parent = block_hash(bytes(sequence.tail), sequence.parent)
        sequence.tail.clear()
        self.cache.fill(sequence.held, sequence.parent)

    def _finish(self, sequence: Sequence, now: float) -> None:
        self._leave(sequence)
        self._ended(sequence, sequence.finish_reason, now)

    def _leave(self, sequence: Sequence) -> None:
        del self.running[sequence]
        self.cache.release(sequence.held)
        self.adapters.leave(sequence.lora)
        sequence.lease = None
        sequence.epoch += 1
        self._may_admit = True

    def _ended(self, sequence: Sequence, reason: str, now: float) -> None:
        sequence.state = DONE
        sequence.epoch += 1
        self.version += 1
        self.statistics.ended(sequence, reason, now)

    def _schedule(self, sequence: Sequence, at: float) -> None:
        self._order += 1
        heappush(self._due, (at, self._order, sequence, sequence.epoch))

    def _blocks(self, tokens: int) -> int:
        return -(-tokens // self.settings.block_size)

    def _note_adapters(self, now: float) -> None:
        state = (",".join(self.adapters.running), ",".join(self.adapters.waiting))
        if state == ("", "") and not self.adapter_states:
            return
        self.adapter_states.pop(state, None)
        self.adapter_states[state] = now
        if len(self.adapter_states) > _ADAPTER_STATES:
            del self.adapter_states[next(iter(self.adapter_states))]
