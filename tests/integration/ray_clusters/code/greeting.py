"""A small application of Ray Serve: says who it is, and streams slowly."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from typing import Any

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

PARTS = 12


@serve.deployment
class Greeting:
    """Answers with its text and process id; ``/stream`` sends a dozen parts over three seconds."""

    def __init__(self, text: str) -> None:
        self.text = text

    async def __call__(self, request: Request) -> Response:
        if request.url.path.endswith("/stream"):
            return StreamingResponse(self._parts(), media_type="text/plain")
        return JSONResponse({"text": self.text, "pid": os.getpid(), "colour": os.environ.get("COLOUR", "")})

    async def _parts(self) -> AsyncIterator[str]:
        for number in range(PARTS):
            yield f"{self.text} {number}\n"
            await asyncio.sleep(0.25)


def build(args: Mapping[str, Any]) -> Any:
    """The application of one text."""
    return Greeting.options(num_replicas=args.get("replicas", 1)).bind(args["text"])
