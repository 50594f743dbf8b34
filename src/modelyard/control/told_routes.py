"""What the scraper is told of the adapters at each address: a Ray cluster has a view for each of its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.control.ray_adapters import engine_side
from modelyard.lora.adapter import ReplicaView

Told = tuple[Mapping[str, str], frozenset[str]]
"""Names for clients -> names for the engine, and names that will be there soon."""


class ToldRoutes:
    """Joins what is told of the views of one address."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, Told]] = {}
        """Address -> view's key -> what was told of it."""

    def keep(self, views: Iterable[ReplicaView]) -> None:
        """Forget what was told of replicas and models that are gone."""
        live = {(address_in(view.url), view.key) for view in views}
        for address, told in list(self._told.items()):
            self._told[address] = {key: one for key, one in told.items() if (address, key) in live}
            if not self._told[address]:
                del self._told[address]

    def tell(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> Told:
        """Take over what is told of one view; what that makes of its address."""
        told = self._told.setdefault(address_in(view.url), {})
        told[view.key] = ({name: engine_side(view, one) for name, one in names.items()}, expected)
        every = {name: one for routes, _ in told.values() for name, one in routes.items()}
        return every, frozenset().union(*(soon for _, soon in told.values()))


def address_in(url: str) -> str:
    """``ip:port``; a Ray application may have a path below it."""
    return url.removeprefix("http://").partition("/")[0]
