"""Envoy with a picker that does as requests tell it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_client import send
from edge_manifests import BY_MODEL, DIRECT
from envoy_setup import Setup, setup, until
from faulty_picker import FaultyPicker
from measuring_backends import PORT, MeasuringBackends


@dataclass(slots=True)
class FaultyEdge:
    """The parts."""

    setup: Setup
    picker: FaultyPicker
    backends: MeasuringBackends

    @property
    def address(self) -> tuple[str, int]:
        return (self.setup.edge, DIRECT)

    @property
    def by_model(self) -> tuple[str, int]:
        return (self.setup.edge, BY_MODEL)

    @property
    def endpoints(self) -> list[str]:
        return [f"{host}:{PORT}" for host in self.setup.backend_hosts]


@contextlib.contextmanager
def faulty_edge(folder: Path, block: str, *, router: bool = False, silence: float = 30.0) -> Iterator[FaultyEdge]:
    """Everything up; ``router``: the real body-based router as well."""
    with setup(folder, block) as made:
        backends = MeasuringBackends((*made.backend_hosts, made.unready_host))
        picker = FaultyPicker(made.picker_host, ",".join(f"{host}:{PORT}" for host in made.backend_hosts))
        if router:
            made.router()
        made.envoy("--no-pings", silence=silence)
        found = FaultyEdge(made, picker, backends)
        until(lambda: send(found.address, "closed.test").status == 200, "the picker is not asked")
        if router:
            body = b'{"model": "closed"}'
            until(lambda: send(found.by_model, "any.test", body=body).status == 200, "the router is not asked")
        yield found
        picker.close()
        backends.close()
