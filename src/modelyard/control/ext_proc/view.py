"""What an endpoint picker or body-based router shows of itself. Reads only."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from modelyard import __version__
from modelyard.control.ext_proc.dashboard_names import OTHER_NAMES
from modelyard.control.ext_proc.explaining import lacks_model, picker_questions
from modelyard.control.ext_proc.picked_metrics import picked_metrics
from modelyard.control.ext_proc.pool_metrics import pool_metrics, pool_names, running_requests
from modelyard.control.ext_proc.router_metrics import router_metrics
from modelyard.control.ext_proc.settings import Role
from modelyard.control.fleet_report import fleet_gauges, fleet_report
from modelyard.control.shown_resources import shown_resources
from modelyard.flow.config import STALE_AFTER
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample, render

if TYPE_CHECKING:
    from modelyard.control.ext_proc.process import ExtProcControl


class ExtProcView:
    """The source of the metrics port, of the admin API, and of the start-up report."""

    def __init__(self, control: ExtProcControl) -> None:
        self._control = control

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Ready: every worker serves the configuration in force, with its sockets bound, and the endpoints were looked
        at. No endpoint has to be ready: requests are then refused in the protocol's own words."""
        control = self._control
        generation, wanted = control.workers.generation, control.configuration.generation
        problems = [fault.message for fault in control.workers.faults]
        looked = control.endpoints_looked_at
        details = {
            "generation": generation,
            "wantedGeneration": wanted,
            "endpointsLookedAt": looked,
            "problems": problems,
        }
        return generation >= wanted and looked and not problems, details

    def pools(self) -> list[dict[str, Any]]:
        """Every pool that is served, with its endpoints."""
        fleet = self._control.fleet.backends
        states = {(key.namespace, key.name): backend.endpoints for key, backend in fleet.items()}
        return [
            {
                "name": f"{namespace}/{name}",
                "failureMode": _failure_mode(pool.spec.endpoint_picker_ref),
                "endpoints": [state.endpoint.address for state in states.get((namespace, name), ())],
                "ready": [state.endpoint.address for state in states.get((namespace, name), ()) if state.ready],
            }
            for (namespace, name), pool in self._control.resources.inference_pools.items()
        ]

    def resources(self, kind: str | None, namespace: str | None, name: str | None) -> list[dict[str, Any]]:
        """Objects that are served, with status."""
        statuses = self._control.snapshot.compiled.statuses
        since = self._control.applied_at
        return shown_resources(self._control.resources, statuses, since, kind=kind, namespace=namespace, name=name)

    async def fleet(self) -> dict[str, Any]:
        """Pools and endpoints."""
        workers = self._control.workers
        await workers.counts_of_now()
        return fleet_report(self._control.fleet, workers.in_flight(), time.monotonic(), workers.waiting_for_loads())

    def replicas(self) -> list[dict[str, Any]]:
        """A picker runs none."""
        return []

    def summary(self) -> dict[str, Any]:
        """The process in one object."""
        control = self._control
        return {
            "version": __version__,
            "pid": os.getpid(),
            "role": control.settings.role.value,
            "generation": control.configuration.generation,
            "errors": [str(error) for error in control.configuration.errors],
            "problems": [*control.snapshot.problems, *self.readiness()[1]["problems"]],
            "pools": self.pools(),
            "workers": [
                {
                    "worker": worker.number,
                    "generation": worker.generation,
                    "restarts": worker.restarts,
                    "connected": worker.connected,
                }
                for worker in control.workers.workers
            ],
        }

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where a request to a pool would go."""
        if self._control.settings.role is not Role.PICKER:
            raise ValueError("a body-based router picks no endpoints: ask the endpoint picker")
        first: dict[str, Any] = {}
        for asked in picker_questions(request, self._control.resources.inference_pools):
            answer = await self._control.workers.explain(asked.listener, asked.head, asked.body)
            if not lacks_model(answer):
                return answer
            first = first or answer
        return first

    async def metrics(self) -> str:
        """The metrics page."""
        workers, configuration = self._control.workers, self._control.configuration
        await workers.counts_of_now()
        gauges: dict[Metric, list[Sample]] = {
            catalogue.INFO: [((__version__,), 1)],
            catalogue.CONFIG_GENERATION: [((), configuration.generation)],
            catalogue.CONFIG_ERRORS: [((), len(configuration.errors))],
            catalogue.WORKER_RESTARTS: [((), sum(worker.restarts for worker in workers.workers))],
            catalogue.OPEN_EXCHANGES: [((str(w.number),), w.stats.open_exchanges) for w in workers.workers],
            catalogue.OPEN_CONNECTIONS: [((str(w.number),), w.stats.open_connections) for w in workers.workers],
            catalogue.FAILED_CONNECTIONS: [
                ((reason,), count) for reason, count in sorted(self._control.counted.failed_connections.items())
            ],
            **fleet_gauges(self._control.fleet, workers.in_flight(), time.monotonic(), workers.waiting_for_loads()),
        }
        if self._control.settings.role is not Role.PICKER:
            routed = router_metrics(workers.rows.values(), self._control.counted)
            return render({**gauges, **routed}, workers.rows.values())
        stale_after = self._control.settings.stale_seconds or STALE_AFTER
        pools = [worker.stats.pools for worker in workers.workers]
        gauges |= pool_metrics(self._control.fleet, pools, time.monotonic(), stale_after)
        counted = self._control.counted
        asked = {row.model for row in counted.objectives.values() if row.picked}
        gauges |= running_requests((worker.stats.running for worker in workers.workers), asked)
        names = pool_names(self._control.fleet)
        picked = picked_metrics(counted, lambda backend: names.get(backend, backend))
        return render({**gauges, **picked}, workers.rows.values(), OTHER_NAMES)


def _failure_mode(ref: Any) -> str:
    return str(ref.failure_mode) if ref is not None else "FailClose"
