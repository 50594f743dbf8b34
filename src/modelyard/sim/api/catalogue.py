"""``/v1/models`` and vLLM's LoRA calls, with vLLM's replies and statuses to the letter."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from aiohttp import web

from modelyard.sim.api.bodies import decode
from modelyard.sim.api.call import Call
from modelyard.sim.api.errors import ApiError


class LoadBody(msgspec.Struct, kw_only=True):
    lora_name: str
    lora_path: str
    load_inplace: bool = False


class UnloadBody(msgspec.Struct, kw_only=True):
    lora_name: str


async def models(call: Call) -> web.StreamResponse:
    return call.json({"object": "list", "data": model_cards(call)})


async def model(call: Call) -> web.StreamResponse:
    """One entry of the list (Ray Serve LLM has this path, vLLM has not)."""
    wanted = call.request.path.removeprefix("/v1/models/")
    for card in model_cards(call):
        if card["id"] == wanted:
            return call.json(card)
    raise ApiError(404, f"Could not find model with id {wanted}")


def model_cards(call: Call) -> list[dict[str, Any]]:
    """Base model names, then adapters."""
    settings, adapters = call.sim.settings, call.sim.engine.adapters
    base = settings.served_model
    if settings.flavour == "ray":
        cards = [_ray_card(name, name) for name in settings.names]
        return cards + [_ray_card(f"{base}:{name}", base, bucket_uri=path) for name, path in adapters.paths.items()]
    cards = [_card(name, root=settings.model, max_model_len=settings.context) for name in settings.names]
    return cards + [_card(name, root=path, parent=base) for name, path in adapters.paths.items()]


def _ray_card(name: str, base: str, **metadata: str) -> dict[str, Any]:
    """Ray Serve LLM's form (2.60): no ``parent``; an adapter is told by its name and metadata."""
    return {
        "id": name,
        "object": "model",
        "owned_by": "modelyard-sim",
        "permission": [],
        "metadata": {"model_id": name, "base_model_id": base, **metadata},
    }


def _card(name: str, *, root: str, parent: str | None = None, max_model_len: int | None = None) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": int(time.time()),
        "owned_by": "modelyard-sim",
        "root": root,
        "parent": parent,
        "max_model_len": max_model_len,
        "permission": [],
    }


async def load_adapter(call: Call) -> web.StreamResponse:
    request = decode(call.body, LoadBody)
    name, path, settings = request.lora_name, request.lora_path, call.sim.settings
    adapters = call.sim.engine.adapters
    if not name or not path:
        raise _invalid("Both 'lora_name' and 'lora_path' must be provided.")
    if name in settings.names:
        raise _invalid(f"The lora adapter '{name}' conflicts with a served base model.")
    if name in adapters.paths and not request.load_inplace:
        raise _invalid(
            f"The lora adapter '{name}' has already been loaded. If you want to load the adapter in place, "
            "set 'load_inplace' to True."
        )
    if path in settings.missing_lora_paths:
        raise ApiError(404, f"Loading lora {name} failed: No adapter found for {path}", kind="NotFoundError")
    adapters.load(name, path)
    return call.text(f"Success: LoRA adapter '{name}' added successfully.")


async def unload_adapter(call: Call) -> web.StreamResponse:
    name = decode(call.body, UnloadBody).lora_name
    adapters = call.sim.engine.adapters
    if not name:
        raise _invalid("'lora_name' needs to be provided to unload a LoRA adapter.")
    if name not in adapters.paths:
        raise ApiError(404, f"The lora adapter '{name}' cannot be found.", kind="NotFoundError")
    adapters.unload(name)
    return call.text(f"Success: LoRA adapter '{name}' removed successfully.")


def _invalid(message: str) -> ApiError:
    return ApiError(400, message, kind="InvalidUserInput")
