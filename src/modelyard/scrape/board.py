"""Puts what the watches know together as one fleet, and says what is new in it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from modelyard.fleet.backends import BackendSpec, EndpointSpec
from modelyard.fleet.delta import same_values
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.fleet.fleet import BackendFleet, BackendKey, Fleet
from modelyard.scrape.watch import Verdict, Watch


class _Row:
    """One endpoint of one backend."""

    __slots__ = ("aside", "backend", "endpoint", "index", "spec", "state", "watch")

    def __init__(self, backend: _Backend, index: int, spec: EndpointSpec, watch: Watch) -> None:
        self.backend = backend
        self.index = index
        self.spec = spec
        self.watch = watch
        self.endpoint = spec.endpoint
        self.aside = False
        self.state = EndpointState(endpoint=spec.endpoint, ready=False, reason="not checked yet")

    def read(self, now: float, *, last_resort: bool = False) -> EndpointState:
        """The state as the watch has it. ``last_resort``: failures in traffic do not count."""
        verdict = self.watch.verdict(self.spec, now)
        self.aside = verdict.aside
        if last_resort and verdict.aside:
            verdict = Verdict(True)
        return EndpointState(
            endpoint=self._endpoint(),
            ready=verdict.ready,
            reason=verdict.reason,
            load=self.watch.load,
            models=self.watch.models,
            metrics_error=self.watch.metrics_error,
            adapter_names=self.watch.adapter_names,
            expected=self.watch.expected,
        )

    def _endpoint(self) -> Endpoint:
        engine = self.watch.engine
        if engine is not None and self.endpoint.engine != engine.name:
            self.endpoint = msgspec.structs.replace(self.endpoint, engine=engine.name)
        return self.endpoint


class _Backend:
    """One backend's rows; ``fleet`` is what was published last."""

    __slots__ = ("fleet", "last_resort", "rows", "spec")

    def __init__(self, spec: BackendSpec, watches: Mapping[str, Watch]) -> None:
        self.spec = spec
        self.rows = [_Row(self, index, one, watches[one.endpoint.address]) for index, one in enumerate(spec.endpoints)]
        self.last_resort = False
        self.fleet = BackendFleet(key=spec.key)

    def read(self, rows: set[_Row], now: float) -> tuple[bool, bool]:
        """Read these rows anew; whether anything is new, and whether any value is."""
        states = [row.state for row in self.rows]
        for row in rows:
            states[row.index] = row.read(now)
        if self.last_resort or not any(state.ready for state in states):
            states = self._last_resort(now)
        return self._keep(states)

    def _last_resort(self, now: float) -> list[EndpointState]:
        """When failures in traffic would leave nothing, they do not count: a refused request may be
        retried, a pool without endpoints answers 503 to everyone."""
        states = [row.read(now) for row in self.rows]
        none_left = not any(state.ready for state in states)
        self.last_resort = none_left and any(row.aside for row in self.rows)
        return [row.read(now, last_resort=True) for row in self.rows] if self.last_resort else states

    def _keep(self, states: list[EndpointState]) -> tuple[bool, bool]:
        fresh = values = False
        for row, state in zip(self.rows, states, strict=True):
            if state is not row.state and state != row.state:
                values = values or not same_values(row.state, state)
                row.state = state
                fresh = True
        return fresh, values


class Board:
    """All backends. ``mark`` says whose answers are new, ``publish`` makes the next fleet."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self._backends: dict[BackendKey, _Backend] = {}
        self._rows: dict[Watch, list[_Row]] = {}
        self._dirty: set[Watch] = set()
        self._version = 0
        self._reshaped = False

    def set_backends(self, specs: Mapping[BackendKey, BackendSpec], watches: Mapping[str, Watch]) -> None:
        """Show exactly these from the next fleet on. A backend that did not change keeps its rows."""
        before, self._backends = self._backends, {}
        for key, spec in specs.items():
            old = before.get(key)
            kept = (
                old is not None
                and old.spec == spec
                and all(row.watch is watches[row.spec.endpoint.address] for row in old.rows)
            )
            self._backends[key] = old if old is not None and kept else self._new(spec, watches, old)
        self._reshaped = self._reshaped or list(before.values()) != list(self._backends.values())
        self._rows = {}
        for backend in self._backends.values():
            for row in backend.rows:
                self._rows.setdefault(row.watch, []).append(row)

    def mark(self, watch: Watch) -> None:
        """Something about it may be new."""
        self._dirty.add(watch)

    def publish(self, now: float) -> Fleet | None:
        """The next fleet; None when nothing in it would be new."""
        touched: dict[_Backend, set[_Row]] = {}
        for watch in self._dirty:
            for row in self._rows.get(watch, ()):
                touched.setdefault(row.backend, set()).add(row)
        self._dirty.clear()
        fresh_any, values_any, self._reshaped = self._reshaped, self._reshaped, False
        for backend, rows in touched.items():
            fresh, values = backend.read(rows, now)
            if fresh:
                self._renew(backend, values)
            fresh_any, values_any = fresh_any or fresh, values_any or values
        if not fresh_any:
            return None
        version = self.fleet.version + 1 if values_any else self.fleet.version
        backends = {key: backend.fleet for key, backend in self._backends.items()}
        self.fleet = Fleet(backends=backends, version=version)
        return self.fleet

    def _new(self, spec: BackendSpec, watches: Mapping[str, Watch], old: _Backend | None) -> _Backend:
        """A backend with its rows read for the first time at the next ``publish``."""
        backend = _Backend(spec, watches)
        before = {row.spec.endpoint.address: row for row in old.rows} if old is not None else {}
        for row in backend.rows:
            known = before.get(row.spec.endpoint.address)
            if known is not None and known.watch is row.watch:
                row.state = known.state
            self._dirty.add(row.watch)
        self._renew(backend, values=True)
        return backend

    def _renew(self, backend: _Backend, values: bool) -> None:
        if values:
            self._version += 1
        version = self._version if values else backend.fleet.version
        states = tuple(row.state for row in backend.rows)
        backend.fleet = BackendFleet(key=backend.spec.key, endpoints=states, version=version)
