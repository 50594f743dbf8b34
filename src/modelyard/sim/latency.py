"""How long a simulated engine takes: the time to first token and the time between tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.sim.settings import SimSettings

if TYPE_CHECKING:
    import random

_PRESSURE_FROM = 0.9
"""Share of KV blocks in use from which the cache slows the engine down."""


class Latency:
    """Latency model of one engine; all times in seconds."""

    __slots__ = ("_rng", "_settings", "itl_factor")

    def __init__(self, settings: SimSettings, rng: random.Random) -> None:
        self._settings = settings
        self._rng = rng
        self.itl_factor = 1.0
        """Multiplies the time between tokens: a fault that is switched at run time."""

    def slowdown(self, running: int, usage: float) -> float:
        """Factor for a batch of ``running`` sequences with the share ``usage`` of KV blocks in use."""
        settings = self._settings
        load = 1.0 + settings.load_slowdown * running / settings.max_num_seqs
        if usage <= _PRESSURE_FROM:
            return load
        return load * (1.0 + settings.cache_slowdown * (usage - _PRESSURE_FROM) / (1.0 - _PRESSURE_FROM))

    def first_token(self, *, uncached: int, running: int, usage: float, bring_adapter: bool) -> float:
        """From joining the batch to the first token, with ``uncached`` prompt tokens to compute."""
        settings = self._settings
        prefill = (settings.ttft_s + uncached * settings.prefill_s_per_token) * self.slowdown(running, usage)
        return self._jittered(prefill) + (settings.lora_load_s if bring_adapter else 0.0)

    def next_token(self, *, running: int, usage: float) -> float:
        """From one token to the next."""
        return self._jittered(self._settings.itl_s * self.itl_factor * self.slowdown(running, usage))

    def _jittered(self, seconds: float) -> float:
        jitter = self._settings.jitter
        return seconds * (1.0 + jitter * (2.0 * self._rng.random() - 1.0)) if jitter else seconds
