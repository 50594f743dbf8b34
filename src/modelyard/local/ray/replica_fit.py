"""Replicas for which this machine has no memory, or no processor, are left out, with the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.local.ray.changes import Changes, Draft
from modelyard.resources.serve_llm_config import LLMConfig

if TYPE_CHECKING:
    from modelyard.local.ray.adjustments import RayHost

GIB = 1 << 30
REPLICA_BYTES = int(2.3 * GIB)
"""Resident memory of one replica's three processes (Serve replica, vLLM's engine and its worker) beside the KV cache
and the weights, measured with Ray 2.60 and vLLM 0.32 on a CPU."""
CLUSTER_BYTES = int(2.5 * GIB)
"""What a cluster takes before its first replica: head, dashboard, controller, proxy, one ingress; measured."""
_KV_BYTES = 512 << 20


class _Fit:
    """One model's range of replicas."""

    def __init__(self, model: LLMConfig, written: Draft) -> None:
        self.model = model
        self.options: Draft = written.get("deployment_config") or {}
        self.scaling: Draft | None = self.options.get("autoscaling_config")
        replicas = self.options.get("num_replicas")
        if self.scaling is None and replicas == "auto":
            self.scaling = self.options["autoscaling_config"] = {"min_replicas": 1, "max_replicas": 100}
        if self.scaling is None:
            self.least = self.most = replicas if isinstance(replicas, int) else 1
        else:
            self.least = self.scaling.get("min_replicas", 1)
            self.most = self.scaling.get("max_replicas", 1)
        arguments = written.get("engine_kwargs") or {}
        self.bytes = REPLICA_BYTES + int(arguments.get("kv_cache_memory_bytes") or _KV_BYTES)


def fit_replicas(models: Sequence[tuple[LLMConfig, Draft]], host: RayHost, changes: Changes) -> None:
    """Fewer replicas where ``host.memory_bytes`` or the processor does not hold them; one of each model always stays.
    Memory that is left over goes to the models in their order."""
    fits = [_Fit(model, written) for model, written in models]
    for fit in fits:
        _fit_cores(fit, host.machine.cores, changes)
    if host.memory_bytes <= 0:
        return
    memory = max(0, host.memory_bytes - CLUSTER_BYTES)
    wanted = {id(fit): (fit.least, fit.most) for fit in fits}
    while _total(fits) > memory and any(fit.least > 1 for fit in fits):
        largest = max(fits, key=lambda fit: fit.least)
        largest.least -= 1
    spare = max(0, memory - _total(fits))
    for fit in fits:
        fit.most = min(fit.most, max(fit.least, 1) + spare // fit.bytes)
        spare -= (fit.most - max(fit.least, 1)) * fit.bytes
        if wanted[id(fit)] != (fit.least, fit.most):
            those = "its replicas" if len(fits) == 1 else f"the replicas of {len(fits)} models"
            reason = f"one takes about {fit.bytes / GIB:.1f} GiB, and {those} have {memory / GIB:.1f} GiB here"
            _write(fit, wanted[id(fit)], reason, changes)


def _fit_cores(fit: _Fit, cores: int, changes: Changes) -> None:
    """An engine on the CPU computes with half of the cores: of one model more engines than that serve nothing sooner,
    and each of them loads for half a minute of a core."""
    most = max(1, cores // 2)
    if max(fit.least, fit.most) <= most:
        return
    wanted, reason = (fit.least, fit.most), f"{cores} cores serve one model no sooner from more than {most} engines"
    fit.least, fit.most = min(fit.least, most), min(fit.most, most)
    _write(fit, wanted, reason, changes)


def _total(fits: Sequence[_Fit]) -> int:
    return sum(fit.least * fit.bytes for fit in fits)


def _write(fit: _Fit, wanted: tuple[int, int], reason: str, changes: Changes) -> None:
    note = changes.of(fit.model.model_id)
    if fit.scaling is None:
        note.set(fit.options, "num_replicas", fit.least, reason, place="deployment_config")
        return
    least, most = wanted
    if fit.least != least:
        note.set(fit.scaling, "min_replicas", fit.least, reason, place="autoscaling_config")
    if fit.most != most:
        note.set(fit.scaling, "max_replicas", fit.most, reason, place="autoscaling_config")
    first = fit.scaling.get("initial_replicas")
    if first is not None and first > fit.most:
        note.set(fit.scaling, "initial_replicas", fit.most, reason, place="autoscaling_config")
