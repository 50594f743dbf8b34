"""Which models the application serves: ``MODEL_1_ID``, ``MODEL_2_ID``, … of the environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True)
class ModelSettings:
    """One model. ``id`` is what clients ask for, ``source`` where vLLM finds it (a folder or a hub id)."""

    id: str
    source: str
    tensor_parallelism: int = 1
    flags: tuple[str, ...] = field(default=())
    """More of vLLM's flags, as on its command line."""

    @property
    def deployment_name(self) -> str:
        """Unique for each model, readable in Ray's dashboard."""
        return "Model:" + self.id.strip("/").replace("/", "--")


def read_models(environment: Mapping[str, str]) -> tuple[ModelSettings, ...]:
    """The models, numbered from 1 without a gap. Raises ValueError where there is none or two have one id."""
    models = []
    for number in count(1):
        name = f"MODEL_{number}"
        if f"{name}_ID" not in environment:
            break
        model_id = environment[f"{name}_ID"]
        models.append(
            ModelSettings(
                id=model_id,
                source=environment.get(f"{name}_SOURCE", model_id),
                tensor_parallelism=int(environment.get(f"{name}_TENSOR_PARALLELISM", "1")),
                flags=tuple(shlex.split(environment.get(f"{name}_FLAGS", ""))),
            )
        )
    if not models:
        raise ValueError("no model to serve: set MODEL_1_ID under runtime_env.env_vars")
    if len({model.id for model in models}) < len(models):
        raise ValueError("two models have the same MODEL_…_ID")
    return tuple(models)
