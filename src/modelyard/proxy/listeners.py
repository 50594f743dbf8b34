"""The listening sockets of a worker: opened, closed and given other certificates without dropping a connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from modelyard.proxy.client_connection import ClientConnection
from modelyard.proxy.data_plane import DataPlane
from modelyard.proxy.listening_place import ListeningPlace
from modelyard.routing.listeners import Listener
from modelyard.worker.certificates import CertificateTable
from modelyard.worker.listening_socket import BACKLOG, listening_socket
from modelyard.worker.protocol import BindingFault, SocketBinding

_Place = tuple[str, int]
"""Host and port."""


@dataclass(slots=True)
class _OpenSocket:
    place: ListeningPlace
    """Shared with the connections that the socket took."""
    tls: bool
    server: asyncio.Server
    certificates: CertificateTable = field(default_factory=CertificateTable)

    def close(self) -> None:
        self.server.close()
        self.place.open = False


class Listeners:
    """What is bound now. ``apply`` is given what should be."""

    def __init__(self, plane: DataPlane, *, reuse_port: bool = False) -> None:
        """``reuse_port``: other workers bind the same ports; the kernel spreads connections over them."""
        self._plane = plane
        self._reuse_port = reuse_port
        self._open: dict[_Place, _OpenSocket] = {}

    async def apply(self, bindings: Sequence[SocketBinding], listeners: Iterable[Listener]) -> list[BindingFault]:
        """Bind ``bindings``, close the rest; what could not be bound."""
        of_group: dict[str, list[Listener]] = {}
        for listener in listeners:
            of_group.setdefault(listener.group, []).append(listener)
        wanted = {(binding.host, binding.port): binding for binding in bindings}
        self._settle_known(wanted)
        faults: list[BindingFault] = []
        for place, binding in wanted.items():
            try:
                known = self._open.get(place) or await self._bind(place, binding)
            except OSError as error:
                message = f"{binding.host}:{binding.port} cannot be bound: {error.strerror or error}"
                faults.append(BindingFault(group=binding.group, reason="PortUnavailable", message=message))
                continue
            if known.tls:
                faults += known.certificates.replace(of_group.get(binding.group, ()))
        return faults

    def places(self) -> tuple[_Place, ...]:
        """Host and port of every socket, as bound."""
        return tuple(sock.getsockname()[:2] for known in self._open.values() for sock in known.server.sockets)

    def close(self) -> None:
        """Take no more connections; those that stand are left alone."""
        for known in self._open.values():
            known.close()
        self._open.clear()

    def _settle_known(self, wanted: dict[_Place, SocketBinding]) -> None:
        """Before anything is awaited: requests that come meanwhile find the group of the snapshot in force."""
        for place, known in list(self._open.items()):
            binding = wanted.get(place)
            if binding is None or binding.tls != known.tls:
                known.close()
                del self._open[place]
            else:
                known.place.group = binding.group

    async def _bind(self, place: _Place, binding: SocketBinding) -> _OpenSocket:
        certificates = CertificateTable()
        listening = ListeningPlace(binding.group)

        def connect() -> ClientConnection:
            return ClientConnection(self._plane, listening)

        sock = listening_socket(binding.host, binding.port, reuse_port=self._reuse_port)
        try:
            server = await self._plane.loop.create_server(
                connect,
                sock=sock,
                backlog=BACKLOG,
                ssl=certificates.base if binding.tls else None,
                ssl_handshake_timeout=self._plane.limits.header_timeout if binding.tls else None,
            )
        except BaseException:
            sock.close()
            raise
        opened = _OpenSocket(listening, binding.tls, server, certificates)
        self._open[place] = opened
        return opened
