"""HTTP calls to an engine: each with a bound; failures say whose they are."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from modelyard.lora.engine_adapters import AdapterCallError

LIST_SECONDS = 5.0
LOAD_SECONDS = 120.0
"""The engine reads the files between two steps of its batch, so a busy one takes its time."""
MAX_ANSWER = 8 * 1024 * 1024


class EngineCalls:
    """One engine's address. ``session`` is shared; redirects are never followed."""

    def __init__(self, session: aiohttp.ClientSession, url: str, api_key: str = "") -> None:
        self._session, self._url = session, url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    async def call(self, method: str, path: str, seconds: float, body: Any = None) -> tuple[int, bytes]:
        """(status, body). Raises AdapterCallError."""
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


def said(body: bytes) -> str:
    """The message of an error in OpenAI's form, or the beginning of whatever came."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = None
    error = value.get("error", value) if isinstance(value, dict) else None
    message = error.get("message", error.get("detail")) if isinstance(error, dict) else None
    text = message if isinstance(message, str) else body[:300].decode("utf-8", "replace")
    return " ".join(text.split())[:300]


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise aiohttp.ClientPayloadError(f"the answer is longer than {MAX_ANSWER:,} bytes")
    return bytes(body)
