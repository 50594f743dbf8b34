"""The models of one replica: its command with them led to folders, and what must be here before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.model_files import SERVED_NAME, ModelFiles
from modelyard.local.read_ahead import reads_ahead
from modelyard.local.replica_plan import NeededWeights
from modelyard.local.volumes import rewrite_paths

if TYPE_CHECKING:
    from modelyard.resources.pods import PodSpec


def simulated_models(arguments: tuple[str, ...]) -> ModelFiles:
    """The simulator needs no files, only the name that clients ask for."""
    model = argv.value(arguments, "--model")
    if model is not None and model.startswith("/") and argv.values(arguments, SERVED_NAME) is None:
        arguments = argv.with_value(arguments, SERVED_NAME, model)
    return ModelFiles(arguments=arguments, paths={} if model is None else {model: model})


def with_paths(arguments: tuple[str, ...], paths: Mapping[str, str]) -> tuple[str, ...]:
    """``arguments`` with the paths in them led to folders. A served name may look like one and is none."""
    served = argv.values(arguments, SERVED_NAME)
    rewritten = tuple(rewrite_paths(word, paths) for word in arguments)
    return rewritten if served is None else argv.with_values(rewritten, SERVED_NAME, served)


def needed_weights(files: ModelFiles, pod: PodSpec) -> tuple[NeededWeights, ...]:
    """Once for each source; read ahead where a container of the Pod does so."""
    ahead = any(reads_ahead(container) for container in (*pod.init_containers, *pod.containers))
    needed = {item.source: item for item in files.needed}
    return tuple(msgspec.structs.replace(item, prefetch=ahead and not item.adapter) for item in needed.values())
