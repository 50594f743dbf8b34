"""Counters and histograms of a simulated engine, in vLLM's terms (buckets read from vLLM 0.32)."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from modelyard.sim.sequence import Sequence

LATENCY_BUCKETS = (
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0, 480.0,
    960.0, 1920.0, 7680.0,
)  # fmt: skip
TTFT_BUCKETS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0,
    80.0, 160.0, 640.0, 2560.0,
)  # fmt: skip
ITL_BUCKETS = (
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0,
)  # fmt: skip
TOKEN_BUCKETS = (
    1.0,
    2.0,
    5.0,
    10.0,
    20.0,
    50.0,
    100.0,
    200.0,
    500.0,
    1000.0,
    2000.0,
    5000.0,
    10000.0,
    20000.0,
)
PREEMPTION_BUCKETS = (1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 20.0)


class Histogram:
    """A Prometheus histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        """Observations per bucket, not cumulated; the last is above all bounds."""
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        return sum(self.counts)


class Statistics:
    """What an engine has counted since it started; times in seconds."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.cached_prompt_tokens = 0
        self.generation_tokens = 0
        self.prefix_queries = 0
        """Prompt tokens looked up in the prefix cache."""
        self.prefix_hits = 0
        """Prompt tokens found in it."""
        self.preemptions = 0
        self.rejected = 0
        """Requests refused because the queue was full."""
        self.finished: Counter[str] = Counter(stop=0, length=0, abort=0, error=0, repetition=0)
        """Sequences ended, by reason."""
        self.submitted = 0
        self.first_token = Histogram(TTFT_BUCKETS)
        self.inter_token = Histogram(ITL_BUCKETS)
        self.per_output_token = Histogram(ITL_BUCKETS)
        self.end_to_end = Histogram(LATENCY_BUCKETS)
        self.queued = Histogram(LATENCY_BUCKETS)
        self.inference = Histogram(LATENCY_BUCKETS)
        self.prefill = Histogram(LATENCY_BUCKETS)
        self.decode = Histogram(LATENCY_BUCKETS)
        self.prompt_lengths = Histogram(TOKEN_BUCKETS)
        self.generation_lengths = Histogram(TOKEN_BUCKETS)
        self.preemptions_per_request = Histogram(PREEMPTION_BUCKETS)

    def ended(self, sequence: Sequence, reason: str, now: float) -> None:
        """Counts a sequence that ended for ``reason``; an aborted one only as such, as in vLLM."""
        self.finished[reason] += 1
        if reason == "abort":
            return
        self.end_to_end.observe(now - sequence.arrived_at)
        self.inference.observe(now - sequence.admitted_at)
        self.prompt_lengths.observe(sequence.prompt_tokens)
        self.generation_lengths.observe(sequence.generated)
        self.preemptions_per_request.observe(sequence.preempted)
        if sequence.generated:
            self.prefill.observe(sequence.first_at - sequence.admitted_at)
            self.decode.observe(sequence.last_at - sequence.first_at)
        if sequence.generated > 1:
            self.per_output_token.observe((sequence.last_at - sequence.first_at) / (sequence.generated - 1))
