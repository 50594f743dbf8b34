"""HTTP to the yard of this machine: never through a proxy that the environment names (``http_proxy``)."""

from __future__ import annotations

import urllib.request
from http.client import HTTPResponse

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def open_directly(request: urllib.request.Request | str, seconds: float) -> HTTPResponse:
    """The answer, to be closed. Raises OSError (``HTTPError`` for an answer that is an error)."""
    answer: HTTPResponse = _OPENER.open(request, timeout=seconds)
    return answer
