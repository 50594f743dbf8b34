"""The Ray clusters of a running yard: joins their runner with the manifests, the weights and the data plane."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from modelyard.control.settings import ControlSettings
from modelyard.local.ray.cluster import Drain
from modelyard.local.ray.runner import RayRunner
from modelyard.local.replica_plan import AppliedSetting
from modelyard.local.state_file import StateFile
from modelyard.local.weights_provider import WeightsProvider
from modelyard.manifests.reading import folder_of


def ray_runner(
    settings: ControlSettings,
    *,
    on_change: Callable[[], None],
    drain: Drain,
    weights: WeightsProvider,
    state: StateFile | None = None,
) -> RayRunner:
    """The runner of this yard's RayServices. Relative paths begin in the folder of the manifest's file."""
    return RayRunner(
        home=settings.home,
        engine=settings.engine,
        on_change=on_change,
        drain=drain,
        weights=weights,
        state=state,
        folder_of=lambda service: folder_of(service.origin),
    )


def ray_skipped(runner: RayRunner) -> Iterator[dict[str, str]]:
    """RayServices that cannot run here, and the containers of the others that do not."""
    for plan in runner.plans():
        where = f"RayService {plan.namespace}/{plan.name}"
        if plan.problem:
            yield {"what": where, "reason": plan.problem}
        for part in plan.skipped:
            yield {"what": f"{where} container {part.name}", "reason": part.reason}


def ray_settings(runner: RayRunner) -> Iterator[tuple[str, AppliedSetting]]:
    """(RayService, difference from its manifest) of each."""
    for plan in runner.plans():
        for setting in plan.settings:
            yield plan.name, setting
