"""No proxy: what clients and backends can do by themselves."""

from __future__ import annotations

from benchmarks.peers.peer import Peer


class Direct(Peer):
    """Clients talk to the first endpoint."""

    name = "direct"

    def start(self) -> None:
        self.target = self.endpoints[0]
