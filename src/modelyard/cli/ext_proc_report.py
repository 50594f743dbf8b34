"""What ``epp`` and ``bbr`` print: where they serve, once they are ready, and what changes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from modelyard import __version__
from modelyard.cli.output import Output, console, print_event
from modelyard.control.ext_proc.settings import Role

if TYPE_CHECKING:
    from modelyard.control.ext_proc.process import ExtProcControl

_LOOK_SECONDS = 0.5
_TITLES = {Role.PICKER: "endpoint picker", Role.ROUTER: "body-based router"}


class ExtProcReport:
    """Plain lines for people, one JSON object a line for programs."""

    def __init__(self, output: Output) -> None:
        self._json = output is Output.JSON
        self._told: dict[str, int] = {}

    async def run(self, control: ExtProcControl, changed: asyncio.Event) -> None:
        """Report until it is ready, then how many endpoints of each pool are."""
        self._opening(control)
        while not control.view.readiness()[0]:
            await _next(changed)
        self._ready(control)
        while True:
            self._pools(control)
            await _next(changed)

    def _opening(self, control: ExtProcControl) -> None:
        places = addresses(control)
        if self._json:
            self._event("starting", version=__version__, **places)
            return
        settings = control.settings
        how = "TLS" if settings.tls else "plain text"
        if settings.tls and settings.tls_files is None:
            how += ", self-signed"
        console.print(f"[bold]Modelyard {__version__}[/] {_TITLES[settings.role]}")
        console.print(f"  ext_proc [bold cyan]{places['grpc']}[/] ({how})")
        console.print(f"  health   {places['health']} (gRPC)")
        console.print(f"  metrics  http://{places['metrics']}/metrics")
        if "admin" in places:
            console.print(f"  admin    {places['admin']}")
        for problem in control.snapshot.problems:
            console.print(f"  [yellow]{escape(problem)}[/]")

    def _ready(self, control: ExtProcControl) -> None:
        pools = control.view.pools()
        if self._json:
            processes = [w.process.pid for w in control.workers.workers if w.process is not None]
            self._event("ready", pools=pools, workers=processes, **addresses(control))
            return
        console.print("[bold green]ready[/]")

    def _pools(self, control: ExtProcControl) -> None:
        """One line for each pool whose number of ready endpoints changed."""
        for pool in control.view.pools() if control.settings.role is Role.PICKER else ():
            name, ready, known = pool["name"], len(pool["ready"]), len(pool["endpoints"])
            if self._told.get(name) == ready:
                continue
            self._told[name] = ready
            if self._json:
                self._event("pool", **pool)
            else:
                console.print(f"  pool {name} ({pool['failureMode']}): {ready} of {known} endpoints ready")
                if not known:
                    console.print(
                        f"    [yellow]no endpoint is known: add Pods or EndpointSlices to the manifests (-f),"
                        f" or give --endpoint {name}=IP:PORT[/]"
                    )

    def _event(self, event: str, **fields: Any) -> None:
        print_event(event, fields)


def addresses(control: ExtProcControl) -> dict[str, str]:
    """``host:port`` of each port; of the admin API its URL."""
    settings = control.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    places = {
        "grpc": f"{host}:{settings.grpc_port}",
        "health": f"{host}:{settings.health_port}",
        "metrics": f"{host}:{control.metrics_port}",
    }
    return places if settings.admin is None else {**places, "admin": f"http://{settings.admin[0]}:{control.admin_port}"}


async def _next(changed: asyncio.Event) -> None:
    """The next change, or half a second."""
    try:
        async with asyncio.timeout(_LOOK_SECONDS):
            await changed.wait()
    except TimeoutError:
        pass
    changed.clear()
