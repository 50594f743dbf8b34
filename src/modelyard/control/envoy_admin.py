"""Envoy's admin interface on a Unix socket: is it live, what is open, stop listening."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from modelyard.envoy.external_processing import ROUTER_CLUSTER

_SECONDS = 2.0
_LARGEST = 1 << 20


class EnvoyAdmin:
    """Asks one Envoy. Every call raises OSError, TimeoutError or ValueError where there is no good answer."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    async def is_live(self) -> bool:
        """Envoy has its first configuration, and its workers listen."""
        if (await self._ask("GET", "/ready")).strip() != "LIVE":
            return False
        stats = await self._stats("^listener_manager.(total_listeners_warming|workers_started)$")
        return stats.get("listener_manager.workers_started") == 1 and not stats.get(
            "listener_manager.total_listeners_warming"
        )

    async def asks_everyone(self) -> bool:
        """No cluster is still being prepared, and the router has answered a health check. The picker may have reasons
        not to: it waits until it has looked at some endpoint."""
        router = f"{ROUTER_CLUSTER}.membership_(healthy|total)"
        stats = await self._stats(f"^cluster(_manager.warming_clusters|.{router})$")
        totals = {name: count for name, count in stats.items() if name.endswith("membership_total")}
        healthy = all(stats.get(name.replace("_total", "_healthy")) == count for name, count in totals.items())
        return healthy and not stats.get("cluster_manager.warming_clusters")

    async def versions(self) -> frozenset[str]:
        """The versions in force of everything that is watched."""
        answer = await self._ask("GET", "/stats?filter=version_text$&type=TextReadouts")
        return frozenset(line.rpartition(": ")[2].strip('"') for line in answer.splitlines())

    async def refusals(self) -> int:
        """How often Envoy refused what it was given."""
        return sum((await self._stats("update_rejected$")).values())

    async def open_requests(self) -> int:
        """Requests of clients that are open. The admin interface counts its own as well."""
        stats = await self._stats("^http\\..*downstream_rq_active$")
        return sum(count for name, count in stats.items() if not name.startswith("http.admin."))

    async def stop_listening(self) -> None:
        """Close the listening sockets; what is open goes on."""
        await self._ask("POST", "/drain_listeners")

    def forget(self) -> None:
        """Remove the socket that an Envoy left."""
        self._socket.unlink(missing_ok=True)

    async def _stats(self, names: str) -> dict[str, int]:
        answer = json.loads(await self._ask("GET", f"/stats?format=json&filter={names}"))
        return {item["name"]: item["value"] for item in answer["stats"] if isinstance(item.get("value"), int)}

    async def _ask(self, method: str, path: str) -> str:
        async with asyncio.timeout(_SECONDS):
            reader, writer = await asyncio.open_unix_connection(str(self._socket), limit=_LARGEST)
            try:
                head = f"{method} {path} HTTP/1.1\r\nHost: envoy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
                writer.write(head.encode())
                answer = await reader.read(_LARGEST)
                while more := await reader.read(_LARGEST):
                    answer += more
            finally:
                writer.close()
        head_bytes, _, body = answer.partition(b"\r\n\r\n")
        if not head_bytes.startswith(b"HTTP/1.1 200") and not head_bytes.startswith(b"HTTP/1.1 503"):
            raise ValueError(f"Envoy's admin interface answers {head_bytes[:60]!r}")
        if b"transfer-encoding: chunked" in head_bytes.lower():
            body = unchunked(body)
        return body.decode("utf-8", "replace")


def unchunked(body: bytes) -> bytes:
    """A chunked body (RFC 9112 section 7.1) put together."""
    found = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        length = int(size or b"0", 16)
        if not length:
            break
        found, body = found + rest[:length], rest[length + 2 :]
    return found
