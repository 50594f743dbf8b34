"""GPUs that a replica is given, against those that its engine uses, a node can have and this machine has."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.resources.finding import Finding
from modelyard.sizing.accelerators import ACCELERATORS
from modelyard.sizing.demand import GPU_RESOURCE, ReplicaDemand

CHECK = "gpus-per-replica"


def gpu_findings(demand: ReplicaDemand, *, machine_gpus: int = 0) -> Iterator[Finding]:
    """Remarks on one replica. ``machine_gpus``: GPUs of this machine, 0 where it has none (models run on the CPU then,
    with the changes that are shown, so there is nothing to compare)."""
    if demand.tells_gpus:
        yield from _given_and_used(demand)
    yield from _node(demand)
    if machine_gpus and demand.world_size > machine_gpus:
        yield _finding(
            demand,
            f"a replica uses {demand.world_size} GPUs ({_spread(demand)}) and this machine has {machine_gpus}",
            f"run it on a machine with {demand.world_size}, or lower --tensor-parallel-size and "
            "--pipeline-parallel-size where the model fits fewer",
        )


def _given_and_used(demand: ReplicaDemand) -> Iterator[Finding]:
    if not demand.gpus and demand.world_size > 1:
        yield _finding(
            demand,
            f"its engine spreads the model over {demand.world_size} GPUs ({_spread(demand)}); its Pods ask for none",
            f'set resources.limits["{GPU_RESOURCE}"] to {_per_pod(demand)} in each Pod',
        )
    elif demand.gpus and demand.gpus < demand.world_size:
        yield _finding(
            demand,
            f"its engine needs {demand.world_size} GPUs ({_spread(demand)}) and is given {_given(demand)}: "
            "it will not start",
            f'set resources.limits["{GPU_RESOURCE}"] to {_per_pod(demand)}, or make the parallel sizes fit',
        )
    elif demand.gpus > demand.world_size:
        yield _finding(
            demand,
            f"it is given {_given(demand)} and its engine uses {demand.world_size} ({_spread(demand)}): "
            f"{demand.gpus - demand.world_size} would stand idle",
            f"set --tensor-parallel-size={demand.gpus_per_pod}"
            + (f" and --pipeline-parallel-size={demand.pods}" if demand.pods > 1 else "")
            + ", or ask for fewer",
        )


def _node(demand: ReplicaDemand) -> Iterator[Finding]:
    if demand.accelerator is None:
        if demand.accelerator_label:
            known = ", ".join(sorted(one.gke for one in ACCELERATORS if one.gke))
            yield _finding(
                demand,
                f"accelerator {demand.accelerator_label!r} is not one that is known here, so its memory is not checked",
                f"known to the node selector: {known}",
            )
        return
    asked, sizes = demand.gpus_per_pod, demand.accelerator.per_node
    if demand.spans_nodes:
        return
    if asked > sizes[-1]:
        yield _finding(
            demand,
            f"a Pod asks for {asked} GPUs and a node with {demand.accelerator.name} has {sizes[-1]} at most: "
            "it stays Pending",
            "spread the replica over nodes: --pipeline-parallel-size with a LeaderWorkerSet, or Ray (a Yard: nodes)",
        )
    elif asked and asked not in sizes:
        larger = next(size for size in sizes if size > asked)
        yield _finding(
            demand,
            f"a Pod asks for {asked} GPUs; nodes with {demand.accelerator.name} have "
            f"{', '.join(map(str, sizes))}, so one of {larger} is taken and {larger - asked} stay unused",
            f"ask for {larger}, or for {max((size for size in sizes if size < asked), default=sizes[0])}",
        )


def _per_pod(demand: ReplicaDemand) -> int:
    return -(-demand.world_size // demand.pods)


def _given(demand: ReplicaDemand) -> str:
    return f"{demand.gpus}" + (f" ({demand.pods} Pods of {demand.gpus_per_pod})" if demand.pods > 1 else "")


def _spread(demand: ReplicaDemand) -> str:
    """``tensor 2 x pipeline 2``: what the number of GPUs is made of."""
    parts = {
        "tensor": demand.tensor_parallel,
        "pipeline": demand.pipeline_parallel,
        "data": demand.data_parallel,
    }
    return " x ".join(f"{name} {size}" for name, size in parts.items() if size > 1) or "no parallelism"


def _finding(demand: ReplicaDemand, message: str, advice: str) -> Finding:
    return Finding(object=demand.object, check=CHECK, message=message, advice=advice)
