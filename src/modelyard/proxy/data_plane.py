"""What the connections of one worker share: the gateway, the limits, the pools, the timer, and who is
connected.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from modelyard.exchange.contract import ClientFacts, GatewayContract
from modelyard.exchange.record import ExchangeRecord
from modelyard.proxy.client_connection import ClientConnection
from modelyard.proxy.departures import Departures
from modelyard.proxy.limits import ProxyLimits
from modelyard.proxy.listening_place import ListeningPlace
from modelyard.proxy.upstream_pool import UpstreamPool
from modelyard.worker.timing_wheel import TimingWheel

RecordSink = Callable[[ExchangeRecord], None]


class DataPlane:
    """Made once per worker; every client's connection refers to it."""

    __slots__ = (
        "_by_address",
        "_emptied",
        "clients",
        "departures",
        "draining",
        "gateway",
        "held_bodies",
        "limits",
        "loop",
        "pool",
        "record_sink",
        "wheel",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        gateway: GatewayContract,
        record_sink: RecordSink,
        limits: ProxyLimits,
    ) -> None:
        self.loop = loop
        self.gateway = gateway
        self.record_sink = record_sink
        """Called with the record of every finished exchange; must be cheap."""
        self.limits = limits
        self.wheel = TimingWheel(loop)
        self.wheel.start()
        self.pool = UpstreamPool(loop, self.wheel, limits)
        self.departures = Departures()
        self.wheel.every_second(self.departures.look)
        self.clients: set[ClientConnection] = set()
        self.draining = False
        self.held_bodies = 0
        """Bytes of request bodies that connections hold whole, or hold the first part of."""
        self._by_address: dict[str, int] = {}
        self._emptied: asyncio.Event | None = None

    def protocol_factory(self, listener: str) -> Callable[[], ClientConnection]:
        """What a socket that stays with listener group ``listener`` makes for each connection."""
        place = ListeningPlace(listener)
        return lambda: ClientConnection(self, place)

    def client_facts(self, listener: str, transport: asyncio.Transport) -> ClientFacts:
        peer = transport.get_extra_info("peername")
        local = transport.get_extra_info("sockname")
        tls = transport.get_extra_info("ssl_object")
        return ClientFacts(
            listener,
            str(peer[0]) if peer else "",
            int(local[1]) if local else 0,
            tls is not None,
            getattr(tls, "modelyard_server_name", ""),
        )

    def admit(self, client: ClientConnection) -> bool:
        """Count a connection in; False: there are as many as there may be."""
        limits = self.limits
        if limits.max_connections and len(self.clients) >= limits.max_connections:
            return False
        if limits.max_connections_per_address:
            address = client.facts.address
            count = self._by_address.get(address, 0)
            if count >= limits.max_connections_per_address:
                return False
            self._by_address[address] = count + 1
        self.clients.add(client)
        return True

    def dismiss(self, client: ClientConnection) -> None:
        """A connection is gone."""
        self.departures.forget(client)
        if client not in self.clients:
            return
        self.clients.discard(client)
        if self._emptied is not None and not self.clients:
            self._emptied.set()
        address = client.facts.address
        if address in self._by_address:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]

    async def drain(self, deadline: float) -> None:
        """Let open exchanges finish for ``deadline`` seconds, then cut the rest. Listeners are closed by the
        caller.
        """
        self.draining = True
        for client in list(self.clients):
            client.drain()
        if self.clients:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), deadline)
        self.close()

    def close(self) -> None:
        """End everything now."""
        for client in list(self.clients):
            client.shut_down()
        self.pool.close()
        self.wheel.stop()
