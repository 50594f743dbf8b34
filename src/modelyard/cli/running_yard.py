"""Finding and asking a running yard: its file in the home directory, its admin API."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from modelyard.cli.direct_http import open_directly
from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.cli.port_mapping import admin_address
from modelyard.control.yard_file import YardFile, in_use, read_yard_file
from modelyard.local.home import Home

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help="Directory of the yard's state, logs and weights (default ~/.modelyard).",
        envvar="MODELYARD_HOME",
    ),
]

_TIMEOUT = 10.0


def running_yard(home: Path | None) -> YardFile:
    """The yard of ``home``; ends with a clear error where none runs."""
    place = Home.at(home)
    found = read_yard_file(place)
    if found is None or not in_use(place):
        fail(
            f"no yard is running in {place.root}.",
            ExitCode.NOT_RUNNING,
            next_step="Start one with: modelyard up -f FILE; a running epp or bbr is asked by its --admin address: "
            "modelyard explain --admin ADDR:PORT",
        )
    return found


def admin_at(given: str) -> YardFile:
    """Whoever has its admin API at ``ADDR:PORT``, with or without ``http://``; ends with a clear error for anything
    else."""
    host, port = admin_address(given.removeprefix("http://").rstrip("/"))
    return YardFile(pid=0, admin_url=f"http://{f'[{host}]' if ':' in host else host}:{port}")


def ask(yard: YardFile, path: str, body: dict[str, Any] | None = None) -> Any:
    """The admin API's answer as plain data; ends with a clear error where it cannot be reached or refuses."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(yard.admin_url + path, data, headers)  # noqa: S310 - always http, written by the yard
    try:
        with open_directly(request, _TIMEOUT) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        fail(_message(refused.read()) or f"the admin API answered {refused.code}")
    except (OSError, ValueError) as problem:
        fail(
            f"the admin API at {yard.admin_url} cannot be reached: {_cause(problem)}.",
            ExitCode.NOT_RUNNING,
            next_step="Is it started, with this --admin ADDR:PORT?",
        )


def _cause(problem: Exception) -> str:
    """What the system says, without the wrapping."""
    inner = problem.reason if isinstance(problem, urllib.error.URLError) else problem
    return (inner.strerror or str(inner)) if isinstance(inner, OSError) else str(inner)


def _message(body: bytes) -> str:
    try:
        return str(msgspec.json.decode(body)["error"]["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return ""
