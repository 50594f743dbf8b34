"""What ``up`` and ``gateway`` print while a yard starts: addresses, what was skipped, progress, and what to try."""

from __future__ import annotations

import asyncio
import json
import shlex
import time
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from rich.live import Live
from rich.markup import escape

from modelyard import __version__
from modelyard.cli.adapter_news import AdapterNews, line_of, under_way
from modelyard.cli.output import Output, age, console, print_event, table
from modelyard.control.ray_clusters import ray_settings
from modelyard.control.yard import Yard
from modelyard.fleet.adapter_names import served_names
from modelyard.fleet.endpoints import Endpoint, EndpointState
from modelyard.local.home import Home
from modelyard.local.replica_plan import AppliedSetting
from modelyard.local.status import LocalPod, Phase, ReplicaStatus
from modelyard.lora.condition import AdapterStatus

_REFRESH_SECONDS = 0.5
_SHOWN_REQUESTS = 4
"""Requests that are printed to be tried: one per model, but no wall of text."""
_SETTLE_SECONDS = 20.0
"""How long, once every replica is ready, the endpoints of the replicas that run here are waited for: a policy may want
several checks in a row, and a server may list no models. Also how long any model is waited for."""
_ADAPTER_SECONDS = 120.0
"""How long adapters are waited for once every replica is ready: a download may take much longer."""
_REST_SECONDS = 3.0
"""How long, in all, servers elsewhere are waited for: some may be down."""


class StartupReport:
    """Text for a terminal (progress in place), plain lines for a pipe, one JSON object a line for programs."""

    def __init__(self, output: Output) -> None:
        self._json = output is Output.JSON
        self._told: dict[str, str] = {}
        self._adapters = AdapterNews()

    async def run(self, yard: Yard, changed: asyncio.Event) -> None:
        """Report until everything is ready, then only what changes for the worse or the better."""
        self._opening(yard)
        if console.is_terminal and not self._json:
            await self._live(yard, changed)
        while not self._all_ready(yard):
            self._changes(yard)
            await _next(changed)
        await self._adapters_loaded(yard, changed)
        await self._models_known(yard, changed)
        self._changes(yard)
        self._ready(yard)
        while True:
            await _next(changed)
            self._changes(yard)

    async def _live(self, yard: Yard, changed: asyncio.Event) -> None:
        """Redraw the replicas' table in place until all are ready."""
        replicas = yard.replicas()
        if not replicas:
            return
        with Live(console=console, refresh_per_second=4, transient=False) as live:
            while True:
                live.update(_progress(yard))
                if self._all_ready(yard):
                    break
                await _next(changed)
        self._told = {item.key: _state(item) for item in yard.replicas()}

    def _all_ready(self, yard: Yard) -> bool:
        replicas = yard.replicas()
        return yard.view.readiness()[0] and all(item.ready for item in replicas)

    async def _adapters_loaded(self, yard: Yard, changed: asyncio.Event) -> None:
        """Wait for wanted adapters, within bounds; what is not there by then is told with ``ready``."""
        coming, end = under_way(_adapters(yard)), time.monotonic() + _ADAPTER_SECONDS
        if coming and not self._json:
            names = ", ".join(sorted({status.adapter for status in coming}))
            console.print(f"  adapters: waiting for {escape(names)} (at most {_ADAPTER_SECONDS:.0f} s)")
        while under_way(_adapters(yard)) and time.monotonic() < end:
            self._changes(yard)
            await _next(changed)

    async def _models_known(self, yard: Yard, changed: asyncio.Event) -> None:
        """Wait a little for health checks and model lists, so that the summary is whole."""
        began = time.monotonic()
        while unsettled := _unsettled(yard):
            coming = not _coming(unsettled).isdisjoint(_own_endpoints(yard))
            if time.monotonic() - began > (_SETTLE_SECONDS if coming or not models(yard) else _REST_SECONDS):
                return
            await _next(changed)

    def _opening(self, yard: Yard) -> None:
        gateways, skipped, notes = yard.view.gateways(), yard.view.skipped(), yard.view.notes()
        admin = f"http://{yard.settings.admin_host}:{yard.admin_port}"
        if self._json:
            self._event(
                "starting",
                version=__version__,
                gateways=gateways,
                admin=admin,
                skipped=skipped,
                notes=msgspec.to_builtins(notes),
            )
            return
        console.print(f"[bold]Modelyard {__version__}[/]")
        for gateway in gateways:
            console.print(f"  gateway {gateway['name']}  [bold cyan]{'  '.join(gateway['addresses'])}[/]")
        if not gateways:
            console.print("  [yellow]no Gateway has a usable listener[/] (modelyard check says why)")
        console.print(f"  admin   {admin}")
        if yard.settings.envoy is not None:
            console.print(f"  edge    {escape(str(yard.settings.envoy))}")
        for note in notes:
            console.print(f"  [yellow]{escape(f'{note.object}: {note.message}; {note.advice}')}[/]")
        for row in skipped:
            console.print(f"  [dim]skipped {row['what']}: {escape(row['reason'])}[/]")
        for name, setting in _changed_settings(yard):
            what = f"changed {name} {setting.setting}: {setting.change} ({setting.reason})"
            console.print(f"  [dim]{escape(what)}[/]")

    def _changes(self, yard: Yard) -> None:
        """One line for each replica, Job and adapter whose state changed."""
        self._job_changes(yard)
        self._adapter_changes(yard)
        for item in yard.replicas():
            state = _state(item)
            if self._told.get(item.key) == state:
                continue
            self._told[item.key] = state
            if self._json:
                self._event("replica", name=item.key, phase=item.phase.value, ready=item.ready, message=item.message)
            else:
                console.print(f"  {item.key}: {escape(state)}")

    def _job_changes(self, yard: Yard) -> None:
        """One line for each Job whose phase changed."""
        for item in yard.workloads.jobs.statuses() if yard.workloads is not None else ():
            key, state = f"Job {item.key}", item.phase.value
            if self._told.get(key) == state:
                continue
            self._told[key] = state
            if self._json:
                self._event("job", name=item.key, phase=state, message=item.message)
            else:
                console.print(f"  {key}: {escape(f'{state} ({item.message})' if item.message else state)}")

    def _adapter_changes(self, yard: Yard) -> None:
        """One line for each adapter that settled, and for what is wrong with what is wanted."""
        if yard.workloads is None:
            return
        adapters = yard.workloads.adapters
        for problem in self._adapters.new_problems(adapters.problems()):
            if self._json:
                self._event("adapterProblem", message=problem)
            else:
                console.print(f"  [yellow]adapters: {escape(problem)}[/]")
        for status in self._adapters.changed(adapters.statuses()):
            if self._json:
                self._event("adapter", **_shown(status))
            else:
                console.print(f"  {escape(line_of(status))}")

    def _ready(self, yard: Yard) -> None:
        names = models(yard)
        gateways = yard.view.gateways()
        address = gateways[0]["addresses"][0] if gateways else ""
        if self._json:
            self._event("ready", address=address, models=names, adapters=[_shown(one) for one in _adapters(yard)])
            return
        with console:  # in one piece: who waits for "ready" in a log finds the rest there
            console.print(
                f"[bold green]ready[/]  models: {', '.join(names) if names else 'none listed by the servers yet'}"
            )
            for status in under_way(_adapters(yard)):
                console.print(f"  [yellow]still on its way: {escape(line_of(status))}[/] (modelyard lora ls)")
            if address and names:
                console.print("\nTry:")
                for name in names[:_SHOWN_REQUESTS]:
                    console.print(f"  {escape(curl(address, name))}", soft_wrap=True)
                console.print(f"  modelyard explain --model {shlex.quote(names[0])}{self._home_option(yard)}\n")
            console.print(
                "[dim]modelyard ps | logs -f NAME | explain --model NAME | stop      Ctrl-C stops everything[/]"
            )

    @staticmethod
    def _home_option(yard: Yard) -> str:
        home = yard.settings.home
        return "" if home == Home.at() else f" --home {shlex.quote(str(home.root))}"

    def _event(self, event: str, **fields: Any) -> None:
        print_event(event, fields)


def _adapters(yard: Yard) -> tuple[AdapterStatus, ...]:
    return yard.workloads.adapters.statuses() if yard.workloads is not None else ()


def _changed_settings(yard: Yard) -> Iterator[tuple[str, AppliedSetting]]:
    """(object, difference from its manifest) of everything that runs here."""
    if yard.workloads is None:
        return
    for plan in yard.workloads.local.plans():
        for setting in dict.fromkeys(item for replica in plan.replicas for item in replica.settings):
            yield plan.name, setting
    for job in yard.workloads.jobs.statuses():
        for setting in job.settings:
            yield job.name, setting
    yield from ray_settings(yard.workloads.ray)


def _shown(status: AdapterStatus) -> dict[str, Any]:
    return {
        "adapter": status.adapter,
        "replica": status.replica,
        "loaded": status.loaded,
        "reason": status.reason,
        "message": status.message,
    }


def _unsettled(yard: Yard) -> list[EndpointState]:
    """Endpoints that are not ready, or have not told their models."""
    backends = yard.current_fleet.backends.values()
    states = (state for backend in backends for state in backend.endpoints)
    return [state for state in states if not state.ready or state.models is None]


def _coming(unsettled: Sequence[EndpointState]) -> set[tuple[str, str]]:
    """(namespace, name) of those that will be settled where nothing is wrong. What is ready and no engine that is known
    may be any application: it has no models to tell."""
    return {_name(state.endpoint) for state in unsettled if not state.ready or state.endpoint.engine}


def _own_endpoints(yard: Yard) -> Iterator[tuple[str, str]]:
    """Of replicas that this yard runs."""
    return map(_name, yard.workloads.pods() if yard.workloads is not None else ())


def _name(of: Endpoint | LocalPod) -> tuple[str, str]:
    return of.namespace, of.name


def models(yard: Yard) -> list[str]:
    """Names that clients can use: what ready engines list, and what the pools' objects define."""
    names = {
        name
        for backend in yard.current_fleet.backends.values()
        for state in backend.endpoints
        if state.ready
        for name, served in served_names(state).items()
        if not served.hidden
    }
    for pool in yard.snapshot.pools.values():
        names.update(pool.targets.names)
    return sorted(names)


def curl(address: str, model: str) -> str:
    """A chat request to paste into a shell."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]})
    return f"curl {address}/v1/chat/completions -H 'content-type: application/json' -d {shlex.quote(body)}"


def _progress(yard: Yard) -> Any:
    rows = table("REPLICA", "PHASE", "SINCE", "WAITS FOR")
    now = time.time()
    for item in yard.replicas():
        colour = "green" if item.ready else "red" if item.phase is Phase.BACKOFF else "yellow"
        phase = "Ready" if item.ready else item.phase.value
        rows.add_row(item.key, f"[{colour}]{phase}[/]", age(now - item.since), escape(item.message))
    return rows


def _state(item: ReplicaStatus) -> str:
    phase = "ready" if item.ready else item.phase.value
    return f"{phase} ({item.message})" if item.message else phase


async def _next(changed: asyncio.Event) -> None:
    """The next change, or half a second."""
    try:
        async with asyncio.timeout(_REFRESH_SECONDS):
            await changed.wait()
    except TimeoutError:
        pass
    changed.clear()
