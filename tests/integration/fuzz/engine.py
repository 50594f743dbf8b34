"""The endpoint behind the fuzzed gateway: a strict recorder that also checks what a gateway promises of its
requests."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP

from strict_recorder import Malformed, Recorded, Recorder

from .samples import ALIAS, MODEL

_NEVER = ("x-gateway-destination-endpoint", "x-prefiller-", "x-modelyard-", "x-encoder-hosts")
_JSON_PATHS = frozenset(
    f"/v1/{name}"
    for name in ("chat/completions", "completions", "embeddings", "responses", "messages", "score", "rerank")
)
_PATHS = _JSON_PATHS | {
    "/v1/audio/transcriptions",
    "/v1/models",
    "/rerank",
    "/tokenize",
    "/classify",
    "/pooling",
    "/score",
}


class StrictEngine(Recorder):
    """``model_api``: it stands for a pool's endpoint, which gets nothing but the model API."""

    def __init__(self, *, model_api: bool) -> None:
        super().__init__(kept=50)
        self._model_api = model_api

    def take(self, request: Recorded) -> bytes:
        try:
            self._check(request)
        except Malformed as fault:
            self.faults.append(f"{fault}: {request!r:.2000}")
        return super().take(request)

    def _check(self, request: Recorded) -> None:
        path = request.target.partition("?")[0]
        if not request.values("x-forwarded-for"):
            return  # the gateway's own look at its endpoints
        for name, value in request.headers:
            spelled = name.replace("_", "-")
            if spelled.startswith(_NEVER) or (spelled == "x-gateway-model-name" and value == "forged"):
                raise Malformed(f"a client's own {name}")
        if not {MODEL}.issuperset(request.values("x-gateway-base-model-name")):
            raise Malformed("another base model than there is")
        if self._model_api:
            if path not in _PATHS and not path.startswith(("/v1/models/", "/v1/responses/")):
                raise Malformed("a path that is no model API")
            if request.method == "POST":
                _check_body(request, path)


def _check_body(request: Recorded, path: str) -> None:
    if path in _JSON_PATHS:
        _check_model(request)
    elif path == "/v1/audio/transcriptions":
        _check_form(request)


def _check_form(request: Recorded) -> None:
    """Another reader of forms finds one model in it at most, and that one was routed."""
    content_types = set(request.values("content-type"))
    if len(content_types) != 1:
        raise Malformed("a form whose boundary is not told once")
    head = b"Content-Type: " + content_types.pop().encode("latin-1") + b"\r\n\r\n"
    form = BytesParser(policy=HTTP).parsebytes(head + request.body)
    parts = form.get_payload() if form.is_multipart() else []
    named = [part for part in parts if part.get_param("name", header="content-disposition") == "model"]
    served = {part.get_payload(decode=True).decode() for part in named}
    routed = {value.encode("latin-1").decode() for value in request.values("x-gateway-model-name")}
    if len(named) > 1 or (served != routed and (routed, served) != ({ALIAS}, {MODEL})):
        raise Malformed(f"form with models {served!r} routed as {routed!r}")


def _check_model(request: Recorded) -> None:
    """The body is JSON for the strictest parser, and its model is the one that was routed."""
    try:
        body = json.loads(request.body.decode(), object_pairs_hook=tuple, parse_constant=_never)
    except RecursionError:
        return
    except ValueError as fault:
        raise Malformed(f"body is not JSON ({fault})") from None
    if not isinstance(body, tuple):
        raise Malformed("body is no object")
    named = request.values("x-gateway-model-name")
    served = [value for name, value in body if name == "model"]
    if len(served) != 1 or len(named) != 1:
        raise Malformed(f"models {served!r} routed as {named}")
    routed = (named[0].encode("latin-1").decode(), served[0])
    if routed[0] != routed[1] and routed != (ALIAS, MODEL):
        raise Malformed(f"model {routed[1]!r} routed as {routed[0]!r}")


def _never(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
