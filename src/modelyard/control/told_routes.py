"""What the scraper is told of the adapters at each address: a Ray cluster has a view for each of its models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set

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
        """Forget what was told of replicas and models that are gone, and of adapters that are for another model now."""
        live = {(address_in(view.url), view.key): {one.name for one in view.want} for view in views}
        for address, told in list(self._told.items()):
            kept = {key: one for key, one in told.items() if (address, key) in live}
            self._told[address] = {key: _only(one, live[address, key]) for key, one in kept.items()}
            if not self._told[address]:
                del self._told[address]

    def tell(self, view: ReplicaView, names: Mapping[str, str], expected: frozenset[str]) -> Told:
        """Take over what is told of one view; what that makes of its address. A name that would lead to adapters of
        two models leads nowhere."""
        told = self._told.setdefault(address_in(view.url), {})
        told[view.key] = ({name: engine_side(view, one) for name, one in names.items()}, expected)
        found: dict[str, set[str]] = {}
        for routes, _ in told.values():
            for name, one in routes.items():
                found.setdefault(name, set()).add(one)
        every = {name: _one_of(names) for name, names in found.items()}
        return every, frozenset().union(*(soon for _, soon in told.values()))


def _only(told: Told, wanted: Set[str]) -> Told:
    """What is not wanted of a model any more is not to be used there, whatever was told last."""
    names, soon = told
    return {name: one if name in wanted else "" for name, one in names.items()}, soon & wanted


def _one_of(names: Set[str]) -> str:
    usable = names - {""}
    return next(iter(usable)) if len(usable) == 1 else ""


def address_in(url: str) -> str:
    """``ip:port``; a Ray application may have a path below it."""
    return url.removeprefix("http://").partition("/")[0]
