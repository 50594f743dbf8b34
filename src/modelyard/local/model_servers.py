"""Which container of a Deployment is its model server, and what its command tells without looking anything up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.containers import VllmCommand, recognise
from modelyard.local.environment import expand
from modelyard.local.model_files import SERVED_NAME, model_names

if TYPE_CHECKING:
    from modelyard.resources.apps import Deployment
    from modelyard.resources.pods import Container

VLLM_PORT = 8000
"""vLLM's port where ``--port`` is not given."""


class ModelServer(msgspec.Struct, frozen=True, kw_only=True):
    """What a Deployment's server is told, as far as the literals of its environment tell."""

    models: tuple[str, ...]
    """Its model, then its adapters, as the command calls them: hub ids and paths."""
    served: tuple[str, ...]
    """Names that clients may ask for."""
    port: int


def server_container(deployment: Deployment) -> Container | None:
    """The first container that is a model server."""
    for container in deployment.spec.template.spec.containers:
        if isinstance(recognise(container.image, container.command, container.args), VllmCommand):
            return container
    return None


def model_server(deployment: Deployment) -> ModelServer | None:
    """None: it has no model server."""
    container = server_container(deployment)
    if container is None:
        return None
    values = {variable.name: variable.value for variable in container.env if variable.value_from is None}
    command, args = ([expand(word, values) for word in words] for words in (container.command, container.args))
    found = recognise(container.image, command, args)
    arguments = found.arguments if isinstance(found, VllmCommand) else ()
    models = model_names(arguments)
    served = argv.values(arguments, SERVED_NAME) or models[:1]
    adapters = [text.partition("=")[0] for text in argv.values(arguments, "--lora-modules") or () if text[:1] != "{"]
    return ModelServer(models=models, served=tuple(dict.fromkeys((*served, *adapters))), port=_port(arguments))


def _port(arguments: Sequence[str]) -> int:
    given = argv.value(arguments, "--port") or ""
    return int(given) if given.isdecimal() and 0 < int(given) < 65536 else VLLM_PORT
