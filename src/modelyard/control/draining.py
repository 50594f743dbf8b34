"""When a replica that has left rotation has answered its last request."""

from __future__ import annotations

from collections.abc import Iterable

from modelyard.control.worker_pool import WorkerPool
from modelyard.local.addresses import ONLY_LOOPBACK
from modelyard.local.status import LocalPod


async def until_drained(workers: WorkerPool, pod: LocalPod) -> None:
    """Wait until every worker knows that ``pod`` left rotation, and none has a request open there. Unbounded: whoever
    waits has a grace period."""
    await workers.everyone_knows()
    while has_open_requests(workers.in_flight().values(), pod):
        await workers.next_stats()


def has_open_requests(counts: Iterable[Iterable[str]], pod: LocalPod) -> bool:
    """Whether one of these addresses (``ip:port``) is the Pod's. Where replicas share one address (systems with one
    loopback address), the port tells them apart."""
    used = {address for addresses in counts for address in addresses}
    if pod.ip == ONLY_LOOPBACK:
        return any(f"{pod.ip}:{port}" in used for port in pod.ports.values())
    return any(address.rpartition(":")[0] == pod.ip for address in used)
