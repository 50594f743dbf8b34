"""One look at one engine: what is wanted and what is loaded -> what to do next. Pure.

It is asked again after every step, so it never plans further than what can be seen. Its promises: an adapter's name
leads to one of its own versions or nowhere (never to the base model); a version that traffic goes to is not unloaded; a
new version is loaded before traffic leaves the old one.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from modelyard.lora.lora_config import client_name

GRACE = 3.0
"""Seconds between taking traffic from an adapter and unloading it: workers and requests on their way hear of it."""
DRAIN_LIMIT = 600.0
"""Seconds after which it is unloaded although the engine still reports requests; vLLM lets those finish."""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one adapter at one time. ``path`` is what the engine reads; equal paths are equal versions."""

    path: str
    also: str = ""
    """Another path of the same files, from which an engine may have loaded them at its start; empty: none."""
    suffix: str
    """Eight hex digits of the content's digest, for the engine-side name of a version that comes second."""

    def is_at(self, path: str) -> bool:
        """Whether ``path`` holds this version."""
        return path == self.path or (bool(self.also) and path == self.also)


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An adapter that the engine lists."""

    engine_name: str
    path: str


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """An engine's ``/v1/models``."""

    base_models: tuple[str, ...]
    adapters: tuple[Held, ...]


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """Have the engine load ``version`` of ``name``. ``instead``: unload this first (there is one name for both)."""

    name: str
    engine_name: str
    version: Version
    instead: Held | None = None


class Unload(msgspec.Struct, frozen=True, kw_only=True):
    """Have the engine forget it."""

    engine_name: str


class Situation(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one engine."""

    want: Mapping[str, Version | None]
    """Client-facing name -> the version that is to be served; None: it is still being fetched, or cannot be had."""
    held: tuple[Held, ...] = ()
    ours: frozenset[str] = frozenset()
    """Engine names that may be unloaded where nobody wants them: loaded by us, or listed in ensureNotExist."""
    reserved: frozenset[str] = frozenset()
    """Names of base models: never an adapter's."""
    routed: Mapping[str, str] = {}
    """Where traffic goes now."""
    retired: Mapping[str, float] = {}
    """Engine name -> when traffic was taken from it."""
    busy: frozenset[str] = frozenset()
    """Engine names that still have requests."""
    slots: int | None = None
    """Adapters that may be loaded at once; None: as many as are wanted. A new version may be one too many meanwhile."""
    beside: bool = True
    """A new version gets an engine name of its own. False: it replaces the old one under the same name."""
    plain: bool = True
    """The first version has the plain name. False: each is named after its content, where an engine keeps names."""
    now: float = 0.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do, and where traffic may go."""

    actions: tuple[Load | Unload, ...] = ()
    routes: Mapping[str, str] = {}
    """Client-facing name -> engine name, for what is loaded now."""
    expected: frozenset[str] = frozenset()
    """Names that will be loaded here and are not: requests for them may wait."""
    retired: Mapping[str, float] = {}
    again: float | None = None
    """When to look again although nothing else happens; None: no need."""


def plan(situation: Situation) -> Plan:
    """The next steps."""
    return _Planner(situation).plan()


class _Planner:
    def __init__(self, situation: Situation) -> None:
        self.s = situation
        self.held = {one.engine_name: one for one in situation.held if one.engine_name not in situation.reserved}
        self.names: dict[str, list[Held]] = {}
        for one in self.held.values():
            self.names.setdefault(client_name(one.engine_name), []).append(one)
        self.actions: list[Load | Unload] = []
        self.routes: dict[str, str] = {}
        self.expected: set[str] = set()
        self.retired: dict[str, float] = {}
        self.again: list[float] = []
        self.room = None if situation.slots is None else situation.slots - len(self.held)

    def plan(self) -> Plan:
        for name, version in self.s.want.items():
            if name not in self.s.reserved:
                self._wanted(name, version)
        spared = {action.instead.engine_name for action in self.actions if isinstance(action, Load) and action.instead}
        for engine_name in self.held:
            if engine_name not in self.routes.values() and engine_name not in spared:
                self._surplus(engine_name)
        return Plan(
            actions=tuple(self.actions),
            routes=self.routes,
            expected=frozenset(self.expected),
            retired=self.retired,
            again=min(self.again, default=None),
        )

    def _wanted(self, name: str, version: Version | None) -> None:
        mine = self.names.get(name, [])
        right = [one for one in mine if version is not None and version.is_at(one.path)]
        if right or mine:
            self.routes[name] = self._preferred(name, right or mine).engine_name
        else:
            self.expected.add(name)
        if version is None or right:
            return
        if mine and not self.s.beside:
            self.actions.append(Load(name=name, engine_name=name, version=version, instead=self._replaced(name)))
            return
        engine_name = self._free_name(name, version)
        if engine_name is not None and (mine or self._take_room()):
            self.actions.append(Load(name=name, engine_name=engine_name, version=version))

    def _preferred(self, name: str, among: list[Held]) -> Held:
        """Traffic stays where it is; otherwise the plain name, then any."""
        routed = self.s.routed.get(name)
        return min(among, key=lambda one: (one.engine_name != routed, one.engine_name != name, one.engine_name))

    def _free_name(self, name: str, version: Version) -> str | None:
        """None: wait until an old version has freed a name."""
        versioned = f"{name}@{version.suffix}"
        candidates = (name, versioned) if self.s.plain else (versioned,)
        return next((one for one in candidates if one not in self.held and one not in self.s.reserved), None)

    def _replaced(self, name: str) -> Held | None:
        """The old version whose name the new one takes."""
        return self.held.get(name)

    def _take_room(self) -> bool:
        if self.room is None:
            return True
        self.room -= 1
        return self.room >= 0

    def _surplus(self, engine_name: str) -> None:
        """Loaded, and no traffic goes there. What nobody here has ever wanted is somebody else's, and stays."""
        if engine_name not in self.s.ours and client_name(engine_name) not in self.s.want:
            return
        since = self.s.retired.get(engine_name, self.s.now)
        self.retired[engine_name] = since
        grace = GRACE if self.s.beside else 0.0
        over = self.s.now - since
        if over >= DRAIN_LIMIT or (over >= grace and engine_name not in self.s.busy):
            self.actions.append(Unload(engine_name=engine_name))
        else:
            self.again.append(since + grace if over < grace else self.s.now + 0.5)


def owned(held: tuple[Held, ...], *, loaded: Set[str], absent: Set[str], folder: str) -> frozenset[str]:
    """Engine names that may be unloaded: ``loaded`` by this process, ``absent`` by wish (whatever their version), or
    read from ``folder``, which only Modelyard fills (so that a new process knows what an earlier one loaded)."""
    return frozenset(
        one.engine_name
        for one in held
        if one.engine_name in loaded
        or client_name(one.engine_name) in absent
        or (folder and one.path.startswith(f"{folder.rstrip('/')}/"))
    )
