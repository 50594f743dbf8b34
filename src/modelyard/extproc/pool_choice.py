"""Which InferencePool an ext_proc stream is about, where one picker serves many.

In this order: what the picker was told to serve alone; the pool that the proxy's route names, in the stream's gRPC
metadata (Envoy: ``grpc_initial_metadata``, per route too) or in the request's dynamic metadata, under
``x-gateway-inference-pool`` as ``namespace/name``; the authority that the proxy calls the picker by, where it is a
picker's Service (or a pool), or begins with one and its namespace; the only pool there is. Nothing that a client sends
counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelyard.extproc.protobuf_struct import Plain
from modelyard.snapshot import PoolPlan

POOL_KEY = "x-gateway-inference-pool"
UNKNOWN_POOL = "unknown_pool"
"""Reason in the record of a request for which no pool was found."""
METADATA_NAMESPACES = ("envoy.lb", "modelyard")


class PoolChoice:
    """The pools of one snapshot, by everything that can name them."""

    __slots__ = ("_by_authority", "_by_name", "_only", "names")

    def __init__(self, pools: Iterable[PoolPlan], only: str = "") -> None:
        plans = list(pools)
        if only:
            plans = [plan for plan in plans if _full(plan) == only]
        self._by_name = {_full(plan): plan for plan in plans}
        self.names = tuple(sorted(self._by_name))
        """Of all pools, as the proxy names them."""
        self._only = plans[0] if len(plans) == 1 else None
        plans = [plan for plan in plans if plan.key.kind == "InferencePool"]
        for plan in plans:
            self._add(self._by_name, plan.key.name, plan, plans)
        pickers = [(plan.picker, plan) for plan in plans if plan.picker]
        self._by_authority = _by_labels((plan.key.name, plan) for plan in plans) | _by_labels(pickers)

    @staticmethod
    def _add(table: dict[str, PoolPlan], name: str, plan: PoolPlan, plans: list[PoolPlan]) -> None:
        """A bare name counts where no other namespace has it."""
        if sum(other.key.name == name for other in plans) == 1:
            table[name] = plan

    def choose(self, stream: Mapping[str, str], metadata: Mapping[str, Mapping[str, Plain]]) -> PoolPlan | None:
        """``stream``: metadata of the gRPC call. None: no pool of that name, or nothing names one of several."""
        if self._only is not None and POOL_KEY not in stream and not metadata:
            return self._only
        named = stream.get(POOL_KEY) or _named(metadata)
        if named:
            return self._by_name.get(named)
        if self._only is not None:
            return self._only
        return self._by_authority.get(".".join(_host(stream).lower().split(".")[:2]))


def asked_for(stream: Mapping[str, str], metadata: Mapping[str, Mapping[str, Plain]]) -> str:
    """What a stream said of its pool, for people; of one that ``choose`` found no pool for."""
    named = stream.get(POOL_KEY) or _named(metadata)
    return f"asked for {named}" if named else f"asked under authority {_host(stream) or 'none'}, which names no pool"


def _host(stream: Mapping[str, str]) -> str:
    """Of the authority; of one that is a cluster's name (``outbound|9002||a-epp.default.svc``), its last part."""
    authority = stream.get(":authority", "").rpartition("|")[2]
    return authority.rpartition(":")[0] or authority


def _by_labels(named: Iterable[tuple[str, PoolPlan]]) -> dict[str, PoolPlan | None]:
    """Plans by name, with the namespace and without; None where several pools have the name, as those that share a
    picker's Service: the authority does not tell them apart."""
    found: dict[str, PoolPlan | None] = {}
    for name, plan in named:
        for labels in (f"{name}.{plan.key.namespace}", name):
            found[labels] = plan if found.get(labels, plan) is plan else None
    return found


def _full(plan: PoolPlan) -> str:
    """As the proxy names it; a Service by its whole key."""
    if plan.key.kind == "Service":
        return str(plan.key)
    return f"{plan.key.namespace}/{plan.key.name}"


def _named(metadata: Mapping[str, Mapping[str, Plain]]) -> str:
    for namespace in METADATA_NAMESPACES:
        value = metadata.get(namespace, {}).get(POOL_KEY)
        if isinstance(value, str) and value:
            return value
    return ""
