"""What ``modelyard envoy-config`` remarks on: what the manifests lack, and what Envoy answers in its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NoReturn

from modelyard.cli.backend_addresses import spelling
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail, warn
from modelyard.control.envoy_configuration import EndpointTable, without_endpoints
from modelyard.envoy.edge import Edge
from modelyard.envoy.pools import Pool
from modelyard.fleet.fleet import BackendKey
from modelyard.resources.resource_set import ResourceSet
from modelyard.snapshot import Snapshot, backend_key, backend_keys


def fail_without_listeners(resources: ResourceSet, gateway_class: str | None) -> NoReturn:
    """Ends with what is missing for Envoy to listen anywhere."""
    gateways = resources.gateways.values()
    if not gateways:
        what = "no Gateway" if resources.http_routes else "no Gateway and no HTTPRoute"
        add = "a Gateway" if resources.http_routes else "a Gateway, and an HTTPRoute that leads to a pool"
        fail(f"the manifests have {what}: Envoy would listen nowhere.", ExitCode.INVALID, next_step=f"Add {add} (-f).")
    classes = sorted({gateway.spec.gateway_class_name for gateway in gateways})
    if gateway_class is not None and gateway_class not in classes:
        fail(
            f"no Gateway is of class {gateway_class}; there is {', '.join(classes)}.",
            ExitCode.INVALID,
            next_step="Give one of these as --gateway-class, or leave it out to serve all.",
        )
    fail(
        "the manifests have no Gateway with a usable listener.", ExitCode.INVALID, next_step="modelyard check says why."
    )


def routed_backends(snapshot: Snapshot) -> Iterator[BackendKey]:
    """Every usable backend that a route leads to or mirrors to."""
    yield from backend_keys(snapshot.compiled).values()
    for entry in snapshot.table.entries():
        chains = (entry.rule.filters, *(backend.filters for backend in entry.rule.backends.all))
        yield from (backend_key(mirror.backend) for chain in chains for mirror in chain.mirrors)


def remark_edge(made: Edge, snapshot: Snapshot, endpoints: EndpointTable) -> None:
    """Warn of everything that is not as the manifests ask for it."""
    for text in (*snapshot.problems, *made.remarks, *unusable_backends(snapshot)):
        warn(f"{text.removesuffix('.')}.")
    if not any(True for _ in snapshot.table.entries()):
        warn("no HTTPRoute is attached to a listener: every request gets 404. modelyard check says more.")
    for pool in without_endpoints(made, endpoints):
        warn(_unknown_endpoints(pool, watched=bool(made.settings.watched_folder)))


def unusable_backends(snapshot: Snapshot) -> Iterable[str]:
    """Routes whose requests get 500, one sentence each."""
    found: dict[str, None] = {}
    for entry in snapshot.table.entries():
        rule = entry.rule
        for backend in rule.backends.all:
            if backend.error and backend.weight > 0:
                where = f"HTTPRoute {rule.route}, rule {rule.rule_name or rule.rule_index}"
                found[f"{where}: {backend.error.removesuffix('.')}; its requests get 500"] = None
    return found


def _unknown_endpoints(pool: Pool, *, watched: bool) -> str:
    file = f", or write {pool.file_name}" if watched else ""
    return f"no endpoint of {pool.key} is known: give --endpoint {spelling(pool.key)}=IP:PORT[,IP:PORT...]{file}."
