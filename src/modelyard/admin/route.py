"""One address of the admin API, as the control process adds it: method, path and what it does.

A command that changes something is a POST with a JSON object; a question is a GET. Each family has a file under
``control/commands`` with a function ``routes(yard)``, and a row in ``control.commands.ALL``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a route."""

    path: Mapping[str, str] = {}
    """The parts of the path that the route's ``{name}`` stand for."""
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    """The JSON object; empty for a GET and for an empty body."""


class Refused(Exception):
    """What was asked for cannot be done; the message says why and what to do instead."""

    def __init__(self, message: str, *, status: int = 400, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """``run`` gives the answer as plain data; it raises Refused, or ValueError for a bad request."""

    method: Literal["GET", "POST"]
    path: str
    """Under ``/api/``, with ``{name}`` for a part that is given to ``run``."""
    run: Callable[[Call], Awaitable[Any]]
