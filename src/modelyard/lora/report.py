"""How each adapter stands on one replica, with the reason and what to do about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from modelyard.lora.adapter import ReplicaView, SourceState
from modelyard.lora.adapter_config import Refusal, other_base
from modelyard.lora.condition import AdapterStatus, Reason
from modelyard.lora.lora_config import Wanted, client_name
from modelyard.lora.plan import Listing, Plan, Version
from modelyard.lora.slots import Chosen, SlotPolicy


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a wanted adapter's source has brought."""

    state: SourceState
    version: Version | None = None
    """None: there is none that this replica can load."""
    refusal: Refusal | None = None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempt to load or unload something did not succeed."""

    reason: Reason
    message: str
    attempts: int
    retry_at: float


class Look(NamedTuple):
    """Everything that one look at a replica showed."""

    view: ReplicaView
    listing: Listing
    chosen: Chosen
    planned: Plan
    found: Mapping[str, Found]
    failures: Mapping[tuple[str, str], Failure]
    """(engine name, path; empty for an unload) -> what went wrong."""
    loading: str
    """Name of the adapter whose load comes next."""


def report(look: Look) -> dict[str, AdapterStatus]:
    """The status of every adapter that is wanted or on its way out."""
    statuses = {wanted.name: _wanted(look, wanted) for wanted in look.view.want}
    for engine_name in look.planned.retired:
        name = client_name(engine_name)
        statuses.setdefault(
            name,
            AdapterStatus(
                adapter=name,
                replica=look.view.key,
                loaded=False,
                reason=Reason.UNLOADING,
                message="nobody wants it here any more; it goes when its last requests have ended",
            ),
        )
    return statuses


def same_for_all(view: ReplicaView, wanted: Wanted, reason: Reason, message: str) -> AdapterStatus:
    """A status that does not depend on the adapter: the replica is not there, or cannot load any."""
    return AdapterStatus(
        adapter=wanted.name,
        replica=view.key,
        loaded=False,
        reason=reason,
        message=message,
        source=wanted.source,
        origin=wanted.origin,
    )


def _wanted(look: Look, wanted: Wanted) -> AdapterStatus:
    found = look.found[wanted.name]
    routed = look.planned.routes.get(wanted.name, "")
    paths = {one.engine_name: one.path for one in look.listing.adapters}
    right = bool(routed) and found.version is not None and found.version.is_at(paths.get(routed, ""))
    if right and not found.state.problem:
        reason, message = _remark(look, found)
    else:
        reason, message = _why_not(look, wanted.name, found)
        if routed:
            coming = reason in (Reason.LOADING, Reason.FETCHING)
            reason = Reason.REPLACING if coming else reason
            message += "; the version before " + ("serves meanwhile" if coming else "goes on serving")
    stored = found.state.stored
    return AdapterStatus(
        adapter=wanted.name,
        replica=look.view.key,
        loaded=reason in (Reason.LOADED, Reason.SWAPPING),
        reason=reason,
        message=message,
        source=wanted.source,
        origin=wanted.origin,
        digest=stored.digest if stored is not None else "",
        engine_name=routed,
    )


def _remark(look: Look, found: Found) -> tuple[Reason, str]:
    slots, wanted = look.view.limits.max_cpu_loras, len(look.view.want)
    if slots is not None and wanted > slots:
        message = (
            f"{wanted} adapters share {slots} slot{'s' * (slots != 1)}, so the engine reads them again from their "
            f"files whenever they change places; start it with --max-loras and --max-cpu-loras of at least {wanted}"
        )
        return Reason.SWAPPING, message
    facts = found.state.stored.facts if found.state.stored is not None else None
    return Reason.LOADED, other_base(facts, look.listing.base_models) if facts is not None else ""


def _why_not(look: Look, name: str, found: Found) -> tuple[Reason, str]:
    state = found.state
    if name in look.listing.base_models:
        return Reason.NAME_TAKEN, f"the engine serves a base model of the name {name}; give the adapter another id"
    if state.problem:
        return (Reason.INVALID_ADAPTER if state.invalid else Reason.SOURCE_UNAVAILABLE), state.problem
    if found.refusal is not None:
        return Reason(found.refusal.reason), found.refusal.message
    if name in look.chosen.left_out:
        return _left_out(look.view)
    if found.version is None:
        return Reason.FETCHING, state.progress or "its files are being fetched"
    for (engine_name, path), failure in look.failures.items():
        if client_name(engine_name) == name and path == found.version.path:
            return failure.reason, failure.message
    return Reason.LOADING, "the engine loads it" if look.loading == name else "about to be loaded"


def _left_out(view: ReplicaView) -> tuple[Reason, str]:
    slots, wanted = view.limits.max_cpu_loras, len(view.want)
    advice = f"start the engine with --max-loras and --max-cpu-loras of at least {wanted}"
    if view.policy is SlotPolicy.EVICT:
        return Reason.EVICTED, f"{wanted} adapters share {slots} slots, and others were used later; {advice}"
    return Reason.NO_FREE_SLOT, f"the engine has {slots} slots for {wanted} adapters, and all are taken; {advice}"
