"""The Serve application: ``import_path: multiplexing.application:build``."""

from __future__ import annotations

import os
from typing import Any

import ray
from ray.serve import Application

from multiplexing.ingress import Models
from multiplexing.model_server import ModelServer
from multiplexing.settings import ModelSettings, read_models


def build(args: dict[str, Any]) -> Application:
    """An ingress in front of one deployment per model. ``args`` of the Serve configuration are not used."""
    has_gpus = ray.cluster_resources().get("GPU", 0) > 0
    handles = {model.id: _deployment(model, has_gpus) for model in read_models(os.environ)}
    return Models.bind(handles)


def _deployment(model: ModelSettings, has_gpus: bool) -> Application:
    gpus = model.tensor_parallelism if has_gpus else 0
    return ModelServer.options(name=model.deployment_name, ray_actor_options={"num_cpus": 1, "num_gpus": gpus}).bind(
        model
    )
