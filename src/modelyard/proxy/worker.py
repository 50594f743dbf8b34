"""The gateway's data-plane worker: ``python -m modelyard.proxy.worker --control SOCKET --worker N``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.exchange.contract import ClientFacts
from modelyard.http1.message_heads import RequestHead
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.listeners import Listeners
from modelyard.snapshot import Snapshot
from modelyard.worker import descriptors
from modelyard.worker.life import WorkerLife, run_worker
from modelyard.worker.protocol import BindingFault, Configure, Stats

_DESCRIPTORS_EACH = 2
"""An open stream has a client's socket and an endpoint's."""


class ProxyServer:
    """HTTP/1.1 on the sockets of all listeners."""

    def __init__(self, life: WorkerLife) -> None:
        self._life = life
        self._plane = DataPlane(asyncio.get_running_loop(), life.gateway, life.record, limits_here())
        self._listeners = Listeners(self._plane, reuse_port=life.options.reuse_port)
        self.wheel = self._plane.wheel

    @property
    def open_connections(self) -> int:
        return len(self._plane.clients)

    def explain(self, listener: str, head: RequestHead, body: bytes, now: float) -> dict[str, Any]:
        return self._life.gateway.explain(head, body, ClientFacts(listener, "127.0.0.1"), now)

    def count(self, stats: Stats, now: float) -> Stats:
        return stats

    async def apply(self, order: Configure, snapshot: Snapshot) -> Sequence[BindingFault]:
        self._plane.limits = limits_here(max_body=order.body_limit)
        return await self._listeners.apply(order.bindings, snapshot.compiled.table.listeners)

    def let_go(self, connections: int) -> None:
        """Clients of the gateway have many connections each: the kernel spreads them well enough."""

    def close(self) -> None:
        self._listeners.close()

    async def drain(self, seconds: float) -> None:
        await self._plane.drain(seconds)


def limits_here(**settings: int) -> ProxyLimits:
    """Limits that this process can keep."""
    limits = ProxyLimits(**settings)
    most = descriptors.most_connections(limits.max_connections, descriptors_each=_DESCRIPTORS_EACH)
    return limits if most == limits.max_connections else msgspec.structs.replace(limits, max_connections=most)


if __name__ == "__main__":
    run_worker("modelyard.proxy.worker", ProxyServer)
