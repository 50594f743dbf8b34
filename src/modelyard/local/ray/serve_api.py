"""A small client of Serve's REST interface on Ray's dashboard, and of the proxy's own pages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp
import msgspec

from modelyard.local.ray.serve_status import ServeStatus, brief, parse_status

_APPLICATIONS = "/api/serve/applications/"
_HEALTHY = 200
HEALTH_SECONDS = 5.0
"""How long a health check waits for its answer."""


class ServeUnreachable(Exception):
    """The dashboard does not answer, or not yet; asking again may help."""


class ServeRefused(Exception):
    """Serve does not take this configuration; the message is Ray's reason."""


class ProxyHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What the proxy said of itself."""

    state: Literal["well", "unwell", "silent", "gone"]
    """``unwell``: it answered that it cannot serve; ``silent``: no answer in time, which may be a busy machine;
    ``gone``: nothing listens."""
    problem: str = ""


class ServeApi:
    """Asks one cluster. Close it when the cluster ends."""

    def __init__(self, dashboard: str, serve: str, token: str) -> None:
        """``dashboard`` and ``serve`` are ``http://host:port``."""
        self._dashboard, self._serve = dashboard, serve
        self._headers = {"authorization": f"Bearer {token}"}
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def status(self) -> ServeStatus:
        """Raises :class:`ServeUnreachable`."""
        code, body = await self._ask("GET", self._dashboard + _APPLICATIONS, seconds=10.0)
        if code != _HEALTHY:
            raise ServeUnreachable(f"the dashboard answered {code}: {brief(body.decode('utf-8', 'replace'))}")
        try:
            return parse_status(body)
        except ValueError as error:
            raise ServeUnreachable(str(error)) from error

    async def deploy(self, config: Mapping[str, Any]) -> None:
        """Make Serve run exactly ``config``. Raises :class:`ServeRefused` and :class:`ServeUnreachable`."""
        data = json.dumps(config).encode()
        code, body = await self._ask("PUT", self._dashboard + _APPLICATIONS, data=data, seconds=120.0)
        text = brief(body.decode("utf-8", "replace"))
        if code == 400:
            raise ServeRefused(text)
        if code != _HEALTHY:
            raise ServeUnreachable(f"the dashboard answered {code}: {text}")

    async def health(self) -> ProxyHealth:
        """Asks ``/-/healthz`` of the proxy."""
        try:
            code, body = await self._ask("GET", self._serve + "/-/healthz", seconds=HEALTH_SECONDS)
        except ServeUnreachable as error:
            silent = isinstance(error.__cause__, TimeoutError)
            return ProxyHealth(state="silent" if silent else "gone", problem=str(error))
        if code == _HEALTHY:
            return ProxyHealth(state="well")
        text = brief(body.decode("utf-8", "replace"))
        return ProxyHealth(state="unwell", problem=f"/-/healthz answered {code}: {text}")

    async def routes(self) -> Mapping[str, str]:
        """Route prefix -> application, as the proxy knows it; empty where it does not answer."""
        try:
            code, body = await self._ask("GET", self._serve + "/-/routes", seconds=5.0)
            found = json.loads(body) if code == _HEALTHY else {}
        except (ServeUnreachable, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    async def _ask(self, method: str, url: str, *, seconds: float, data: bytes | None = None) -> tuple[int, bytes]:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, trust_env=False)
        headers = {"content-type": "application/json"} if data is not None else {}
        timeout = aiohttp.ClientTimeout(total=seconds)
        try:
            async with self._session.request(method, url, data=data, headers=headers, timeout=timeout) as answer:
                return answer.status, await answer.read()
        except TimeoutError as error:
            raise ServeUnreachable(f"{url} did not answer within {seconds:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise ServeUnreachable(f"{url} cannot be reached ({type(error).__name__})") from error
