"""What is believed of one endpoint's models: its list, what was said of it since, and what has proved wrong.

Base models belong to the process's configuration, so a list of them stays true while the endpoint is away. Adapters
live in its memory: after a restart they are gone, whatever the last list said.
"""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.fleet.endpoints import ServedModel

Models = tuple[ServedModel, ...]


class BelievedModels:
    """Times are monotonic; only a list that was asked for after a doubt settles it."""

    __slots__ = ("_doubted", "_doubted_all", "_listed", "_vouched", "models")

    def __init__(self) -> None:
        self.models: Models | None = None
        """None: not known."""
        self._listed: Models | None = None
        self._vouched: dict[str, float] = {}
        self._doubted: dict[str, float] = {}
        self._doubted_all = float("-inf")

    def read(self, listed: Models | None, asked_at: float) -> bool:
        """The list that was asked for at ``asked_at``; whether anything changed."""
        self._listed = listed
        self._vouched = {name: at for name, at in self._vouched.items() if at >= asked_at}
        self._doubted = {name: at for name, at in self._doubted.items() if at >= asked_at}
        if self._doubted_all < asked_at:
            self._doubted_all = float("-inf")
        return self._renew()

    def vouch(self, names: Iterable[str], now: float) -> bool:
        """Someone has just loaded these adapters (engine-side names)."""
        for name in names:
            self._vouched[name] = now
            self._doubted.pop(name, None)
        return self._renew()

    def doubt(self, name: str, now: float) -> bool:
        """The engine says that it does not have this adapter."""
        self._doubted[name] = now
        self._vouched.pop(name, None)
        return self._renew()

    def doubt_adapters(self, now: float) -> bool:
        """The endpoint was away; it may come back as another process."""
        self._doubted_all = now
        self._vouched.clear()
        return self._renew()

    def _renew(self) -> bool:
        before, self.models = self.models, self._believed()
        return before != self.models

    def _believed(self) -> Models | None:
        listed = self._listed
        if listed is None:
            return None
        doubt_all = self._doubted_all > float("-inf")
        names = {model.id for model in listed}
        kept = [
            model
            for model in listed
            if model.id in self._vouched
            or (model.id not in self._doubted and not (doubt_all and _is_adapter(model, names)))
        ]
        base = next((model.id for model in listed if model.parent is None), None)
        new = [ServedModel(id=name, parent=base) for name in self._vouched if name not in names]
        return (*kept, *new) if new or len(kept) < len(listed) else listed


def _is_adapter(model: ServedModel, names: set[str]) -> bool:
    """Ray names no parent; its adapters are ``base:adapter``."""
    base, colon, _ = model.id.partition(":")
    return model.parent is not None or (bool(colon) and base in names)
