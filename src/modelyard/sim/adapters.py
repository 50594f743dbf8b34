"""LoRA adapters of a simulated engine: which names exist, which are held ready, how many may run at once."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping


class Adapters:
    """Adapters known, ready in memory (least recently used out first) and running."""

    __slots__ = ("max_ready", "max_running", "misses", "paths", "ready", "running", "waiting")

    def __init__(self, paths: Mapping[str, str], *, max_running: int, max_ready: int) -> None:
        self.paths: dict[str, str] = dict(paths)
        """Name -> path of each adapter that can be asked for."""
        self.max_running = max_running
        self.max_ready = max_ready
        self.ready: OrderedDict[str, None] = OrderedDict()
        """Adapters in memory, least recently used first."""
        self.running: Counter[str] = Counter()
        """Sequences in the batch by adapter."""
        self.waiting: Counter[str] = Counter()
        """Waiting sequences by adapter."""
        self.misses = 0
        """How often an adapter had to be brought in."""

    def load(self, name: str, path: str) -> None:
        """Makes ``name`` known and ready, as vLLM's load call does."""
        self.paths[name] = path
        self._bring(name)

    def unload(self, name: str) -> None:
        """Forgets ``name``; sequences that run with it go on."""
        del self.paths[name]
        self.ready.pop(name, None)

    def fits(self, name: str) -> bool:
        """Whether a sequence with ``name`` (empty: the base model) may join the batch now."""
        return not name or name in self.running or len(self.running) < self.max_running

    def enter(self, name: str) -> bool:
        """A sequence joins the batch; True: its adapter had to be brought in first."""
        if not name:
            return False
        self.running[name] += 1
        if name in self.ready:
            self.ready.move_to_end(name)
            return False
        self.misses += 1
        self._bring(name)
        return True

    def leave(self, name: str) -> None:
        """A sequence left the batch."""
        if name:
            _less(self.running, name)

    def queue(self, name: str) -> None:
        if name:
            self.waiting[name] += 1

    def dequeue(self, name: str) -> None:
        if name:
            _less(self.waiting, name)

    def _bring(self, name: str) -> None:
        self.ready[name] = None
        self.ready.move_to_end(name)
        for candidate in list(self.ready):
            if len(self.ready) <= self.max_ready:
                break
            if candidate not in self.running and candidate != name:
                del self.ready[candidate]


def _less(counter: Counter[str], name: str) -> None:
    counter[name] -= 1
    if counter[name] <= 0:
        del counter[name]
