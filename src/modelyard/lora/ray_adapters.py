"""Adapters of one model of Ray Serve LLM: put into its bucket, then asked for once, so that Ray loads them."""

from __future__ import annotations

import asyncio

import msgspec

from modelyard.lora.adapter_shelf import AdapterShelf
from modelyard.lora.engine_adapters import AdapterCallError
from modelyard.lora.engine_calls import LIST_SECONDS, LOAD_SECONDS, EngineCalls, said
from modelyard.lora.plan import Held, Listing


class _Card(msgspec.Struct):
    id: str


class _Cards(msgspec.Struct):
    data: list[_Card]


class RayAdapters:
    """One cluster's model ``base``. ``holder``: the cluster, for the shelf that others may share."""

    def __init__(self, calls: EngineCalls, shelf: AdapterShelf, base: str, holder: str) -> None:
        self._calls, self._shelf, self._base, self._holder = calls, shelf, base, holder

    async def listing(self) -> Listing:
        """What Ray lists: it looks into the bucket each time."""
        status, body = await self._calls.call("GET", "/v1/models", LIST_SECONDS)
        if status != 200:
            raise AdapterCallError(f"GET /v1/models answered {status}: {said(body)}")
        try:
            names = [card.id for card in msgspec.json.decode(body, type=_Cards).data]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
            raise AdapterCallError("GET /v1/models did not answer with a list of models") from problem
        begin = f"{self._base}:"
        if self._base not in names:
            raise AdapterCallError(f"its application does not serve {self._base} yet", unreachable=True)
        mine = {name.removeprefix(begin) for name in names if name.startswith(begin)}
        bases = tuple(name for name in names if ":" not in name)
        return Listing(base_models=bases, adapters=self._held(mine))

    def _held(self, listed: set[str]) -> tuple[Held, ...]:
        return self._shelf.held(listed, self._holder)

    async def load(self, engine_name: str, path: str) -> None:
        """Put it on the shelf and have one token made with it. What Ray cannot load is taken off again."""
        try:
            name = await asyncio.to_thread(self._shelf.put, engine_name, path, self._holder)
        except OSError as problem:
            raise AdapterCallError(f"it cannot be put where Ray reads adapters: {problem}") from problem
        body = {"model": f"{self._base}:{name}", "prompt": "Hello", "max_tokens": 1}
        try:
            status, answer = await self._calls.call("POST", "/v1/completions", LOAD_SECONDS, body)
            if status != 200:
                raise AdapterCallError(f"Ray could not load it ({status}): {said(answer)}")
        except AdapterCallError:
            await self.unload(engine_name)
            raise

    async def unload(self, engine_name: str) -> None:
        """Take it off the shelf. Ray keeps it in memory, as it does with every adapter, until it needs the slot."""
        await asyncio.to_thread(self._shelf.let_go, engine_name, self._holder)
