"""vLLM's adapter API: list, load, unload. Every call has a timeout; failures say whose they are."""

from __future__ import annotations

import msgspec

from modelyard.lora.engine_adapters import AdapterCallError
from modelyard.lora.engine_calls import LIST_SECONDS, LOAD_SECONDS, EngineCalls, said
from modelyard.lora.plan import Held, Listing

UNLOAD_SECONDS = 30.0


class _Card(msgspec.Struct):
    id: str
    root: str | None = None
    parent: str | None = None


class _Cards(msgspec.Struct):
    data: list[_Card]


class VllmAdapters:
    """One engine's API."""

    def __init__(self, calls: EngineCalls) -> None:
        self._calls = calls

    async def listing(self) -> Listing:
        """What it serves. Raises AdapterCallError."""
        status, body = await self._calls.call("GET", "/v1/models", LIST_SECONDS)
        if status != 200:
            raise AdapterCallError(f"GET /v1/models answered {status}: {said(body)}")
        try:
            cards = msgspec.json.decode(body, type=_Cards).data
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise AdapterCallError("GET /v1/models did not answer with a list of models") from problem
        return Listing(
            base_models=tuple(card.id for card in cards if card.parent is None),
            adapters=tuple(
                Held(engine_name=card.id, path=card.root or "") for card in cards if card.parent is not None
            ),
        )

    async def load(self, engine_name: str, path: str) -> None:
        """Load an adapter; one that is there already counts as loaded. Raises AdapterCallError.

        Never ``load_inplace``: vLLM keeps that flag with the adapter and reads its files again at every step.
        """
        body = {"lora_name": engine_name, "lora_path": path}
        status, answer = await self._calls.call("POST", "/v1/load_lora_adapter", LOAD_SECONDS, body)
        if status != 200 and not (status == 400 and b"already been loaded" in answer):
            raise AdapterCallError(_refusal("load", status, answer))

    async def unload(self, engine_name: str) -> None:
        """Unload an adapter; one that is not there counts as unloaded. Requests that run with it go on."""
        status, answer = await self._calls.call(
            "POST", "/v1/unload_lora_adapter", UNLOAD_SECONDS, {"lora_name": engine_name}
        )
        if status not in (200, 404) or (status == 404 and b"cannot be found" not in answer):
            raise AdapterCallError(_refusal("unload", status, answer))


def _refusal(what: str, status: int, body: bytes) -> str:
    if status == 404 and b"cannot be found" not in body and b"o adapter found" not in body:
        return (
            f"the engine has no call to {what} adapters; start it with --enable-lora and "
            f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=true (it said {status}: {said(body)})"
        )
    return f"the engine refused to {what} it ({status}): {said(body)}"
