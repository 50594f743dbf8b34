"""How connections of proxies are spread over workers that share a port: by the kernel first, and evened out here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from modelyard.control.worker_handle import Worker
from modelyard.worker import protocol

EVERY_SECONDS = 2.0
"""Between two looks: workers count once a second, and what was let go has to be counted where it comes again."""


def too_many(asking: Sequence[int]) -> list[int]:
    """How many connections each worker has beyond its share, of those whose clients ask. The share is rounded up: more
    workers than connections do no harm, since a thread of Envoy that asks costs more than the worker that it asks."""
    share = -(-sum(asking) // len(asking))
    return [max(0, count - share) for count in asking]


async def keep_spread(workers: Sequence[Worker], stopping: Callable[[], bool]) -> None:
    """Have workers let go what they have too much of, for ever. The kernel chooses anew where a connection comes; that
    may be the same worker again, so this takes a few turns."""
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        if stopping() or not all(worker.connected for worker in workers):
            continue
        for worker, surplus in zip(workers, too_many([worker.stats.asking for worker in workers]), strict=True):
            if surplus:
                worker.send(protocol.LetGo(connections=surplus))
