"""vLLM's adapter API: list, load, unload. Every call has a timeout; failures say whose they are."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from modelyard.lora.plan import Held, Listing

LIST_SECONDS = 5.0
LOAD_SECONDS = 120.0
"""The engine reads the files between two steps of its batch, so a busy one takes its time."""
UNLOAD_SECONDS = 30.0
MAX_ANSWER = 8 * 1024 * 1024


class AdapterCallError(Exception):
    """A call failed; the message is for people."""

    def __init__(self, message: str, *, unreachable: bool = False) -> None:
        """``unreachable``: the engine did not answer; otherwise it said no."""
        super().__init__(message)
        self.unreachable = unreachable


class _Card(msgspec.Struct):
    id: str
    root: str | None = None
    parent: str | None = None


class _Cards(msgspec.Struct):
    data: list[_Card]


class VllmAdapters:
    """One engine's API. ``session`` is shared; redirects are never followed."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: str = "") -> None:
        self._session, self._url = session, url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def healthy(self) -> bool:
        """Whether ``GET /health`` says 200."""
        try:
            status, _ = await self._call("GET", "/health", LIST_SECONDS)
        except AdapterCallError:
            return False
        return status == 200

    async def listing(self) -> Listing:
        """What it serves. Raises AdapterCallError."""
        status, body = await self._call("GET", "/v1/models", LIST_SECONDS)
        if status != 200:
            raise AdapterCallError(f"GET /v1/models answered {status}: {_said(body)}")
        try:
            cards = msgspec.json.decode(body, type=_Cards).data
        except msgspec.MsgspecError as problem:
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
        status, answer = await self._call("POST", "/v1/load_lora_adapter", LOAD_SECONDS, body)
        if status != 200 and not (status == 400 and b"already been loaded" in answer):
            raise AdapterCallError(_refusal("load", status, answer))

    async def unload(self, engine_name: str) -> None:
        """Unload an adapter; one that is not there counts as unloaded. Requests that run with it go on."""
        status, answer = await self._call("POST", "/v1/unload_lora_adapter", UNLOAD_SECONDS, {"lora_name": engine_name})
        if status not in (200, 404) or (status == 404 and b"cannot be found" not in answer):
            raise AdapterCallError(_refusal("unload", status, answer))

    async def _call(self, method: str, path: str, seconds: float, body: Any = None) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(seconds),
                self._session.request(
                    method, self._url + path, json=body, headers=self._headers, allow_redirects=False
                ) as answer,
            ):
                return answer.status, await _read(answer)
        except TimeoutError as problem:
            raise AdapterCallError(f"{method} {path}: no answer within {seconds:g} s", unreachable=True) from problem
        except (aiohttp.ClientError, OSError) as problem:
            why = str(problem) or type(problem).__name__
            raise AdapterCallError(f"{method} {path}: {why}", unreachable=True) from problem


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {MAX_ANSWER:,} bytes")
    return bytes(body)


def _refusal(what: str, status: int, body: bytes) -> str:
    if status == 404 and b"cannot be found" not in body and b"o adapter found" not in body:
        return (
            f"the engine has no call to {what} adapters; start it with --enable-lora and "
            f"VLLM_ALLOW_RUNTIME_LORA_UPDATING=true (it said {status}: {_said(body)})"
        )
    return f"the engine refused to {what} it ({status}): {_said(body)}"


def _said(body: bytes) -> str:
    """The message of an error in OpenAI's form, or the beginning of whatever came."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        value = None
    error = value.get("error", value) if isinstance(value, dict) else None
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else None
    text = message if isinstance(message, str) else body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:300]
