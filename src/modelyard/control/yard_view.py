"""What the admin API and the start-up report show of a running yard. Reads only."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import msgspec

from modelyard import __version__
from modelyard.admin.source import ExplainUnavailable
from modelyard.control.adapter_gauges import adapter_gauges
from modelyard.control.binding_results import gateway_bindings
from modelyard.control.commands.rollouts import add_statuses
from modelyard.control.explain_request import explain_request
from modelyard.control.fleet_report import fleet_gauges, fleet_report
from modelyard.control.not_used import not_used
from modelyard.control.notes import notes
from modelyard.control.ray_clusters import ray_skipped
from modelyard.control.shown_resources import shown_resources
from modelyard.resources.finding import Finding
from modelyard.telemetry import catalogue
from modelyard.telemetry.catalogue import Metric
from modelyard.telemetry.exposition import Sample, render

if TYPE_CHECKING:
    from modelyard.control.yard import Yard


class YardView:
    """The admin API's source."""

    def __init__(self, yard: Yard) -> None:
        self._yard = yard

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Ready: every worker serves the snapshot in force. A socket that one Gateway cannot have, or a certificate
        that cannot be used, is a problem of that Gateway and leaves the others serving."""
        generation, wanted = self._yard.workers.generation, self._yard.configuration.generation
        problems = [f"{fault.group} {fault.listener}: {fault.message}" for fault in self._yard.workers.faults]
        edge = self._yard.edge
        if edge is not None:
            generation = min(generation, edge.generation)
            problems += [edge.problem] if edge.problem else []
        return generation >= wanted, {"generation": generation, "wantedGeneration": wanted, "problems": problems}

    def resources(self, kind: str | None, namespace: str | None, name: str | None) -> list[dict[str, Any]]:
        """Objects with status."""
        workloads = self._yard.workloads
        shown = shown_resources(
            self._yard.resource_set,
            self._yard.snapshot.compiled.statuses,
            self._yard.applied_at,
            gateway_bindings(
                self._yard.bindings,
                self._yard.workers.faults,
                self._yard.snapshot.table.listeners,
                self._yard.refused,
            ),
            workloads.ray.statuses() if workloads is not None else {},
            kind=kind,
            namespace=namespace,
            name=name,
        )
        if workloads is not None:
            for item in shown:
                meta = item["metadata"]
                if item["kind"] == "Job":
                    status = workloads.jobs.status_of(meta.get("namespace", "default"), meta["name"])
                    item |= {"status": status} if status is not None else {}
            add_statuses(shown, workloads.local.rollouts())
        return shown

    def jobs(self) -> list[dict[str, Any]]:
        """Jobs that are carried out here."""
        workloads = self._yard.workloads
        return [] if workloads is None else [msgspec.to_builtins(item) for item in workloads.jobs.statuses()]

    async def fleet(self) -> dict[str, Any]:
        """Backends and endpoints."""
        await self._yard.workers.counts_of_now()
        return fleet_report(
            self._yard.current_fleet,
            self._yard.workers.in_flight(),
            time.monotonic(),
            self._yard.workers.waiting_for_loads(),
        )

    def replicas(self) -> list[dict[str, Any]]:
        """Local replicas."""
        return [msgspec.to_builtins(item) for item in self._yard.replicas()]

    def summary(self) -> dict[str, Any]:
        """The yard in one object."""
        return {
            "version": __version__,
            "pid": os.getpid(),
            "generation": self._yard.configuration.generation,
            "errors": [str(error) for error in self._yard.configuration.errors],
            "problems": [*self._yard.snapshot.problems, *self.readiness()[1]["problems"]],
            "gateways": self.gateways(),
            "skipped": self.skipped(),
            "notes": [msgspec.to_builtins(note) for note in self.notes()],
            "jobs": self.jobs(),
            "workers": [
                {
                    "worker": w.number,
                    "generation": w.generation,
                    "restarts": w.restarts,
                    "connected": w.connected,
                }
                for w in self._yard.workers.workers
            ],
            "home": str(self._yard.settings.home.root),
        }

    def gateways(self) -> list[dict[str, Any]]:
        """Every Gateway with the addresses where it can be reached."""
        found: dict[tuple[str, str], list[str]] = {}
        for binding in self._yard.bindings:
            scheme = "https" if binding.tls else "http"
            found.setdefault(binding.gateway, []).append(f"{scheme}://{in_url(binding.host)}:{binding.local_port}")
        return [{"name": "/".join(gateway), "addresses": addresses} for gateway, addresses in found.items()]

    def skipped(self) -> list[dict[str, str]]:
        """What the manifests hold and this machine does not use, with the reason."""
        resources = self._yard.configuration.resources
        rows = [{"what": name, "reason": reason} for name, reason in not_used(resources)]
        workloads = self._yard.workloads
        if workloads is None:
            return rows
        for plan in workloads.local.plans():
            if plan.problem:
                rows.append({"what": f"Deployment {plan.namespace}/{plan.name}", "reason": plan.problem})
            for part in plan.skipped:
                where = f"Deployment {part.namespace}/{part.deployment}"
                rows.append({"what": f"{where} container {part.name}" if part.name else where, "reason": part.reason})
        return [*rows, *workloads.jobs.skipped(), *ray_skipped(workloads.ray)]

    def notes(self) -> tuple[Finding, ...]:
        """What is worth saying about the manifests in force beside faults."""
        return notes(self._yard.configuration.resources, self._yard.sources)

    async def explain(self, request: dict[str, Any]) -> dict[str, Any]:
        """Where a request would go."""
        if not self._yard.bindings:
            raise ExplainUnavailable("no Gateway has a usable listener: modelyard check says why")
        asked = explain_request(request, self._yard.bindings)
        return await self._yard.workers.explain(asked.listener, asked.head, asked.body)

    async def metrics(self) -> str:
        """The metrics page."""
        await self._yard.workers.counts_of_now()
        now = time.monotonic()
        gauges: dict[Metric, list[Sample]] = {
            catalogue.INFO: [((__version__,), 1)],
            catalogue.CONFIG_GENERATION: [((), self._yard.configuration.generation)],
            catalogue.CONFIG_ERRORS: [((), len(self._yard.configuration.errors))],
            catalogue.WORKER_RESTARTS: [((), sum(worker.restarts for worker in self._yard.workers.workers))],
            catalogue.OPEN_EXCHANGES: [((str(w.number),), w.stats.open_exchanges) for w in self._yard.workers.workers],
            catalogue.OPEN_CONNECTIONS: [
                ((str(w.number),), w.stats.open_connections) for w in self._yard.workers.workers
            ],
            **fleet_gauges(
                self._yard.current_fleet,
                self._yard.workers.in_flight(),
                now,
                self._yard.workers.waiting_for_loads(),
            ),
        }
        workloads = self._yard.workloads
        if workloads is not None:
            gauges[catalogue.REPLICA_RESTARTS] = [
                ((item.namespace, item.name), item.restarts) for item in self._yard.replicas()
            ]
            gauges |= adapter_gauges(workloads.adapters)
        return render(gauges, self._yard.workers.rows.values())


def in_url(host: str) -> str:
    """A host as URLs write it."""
    return f"[{host}]" if ":" in host else host
