"""Changing the model's name in a request body; every other byte stays as it was sent."""

from __future__ import annotations

import re

import msgspec

from modelyard.bodies.facts import BodyError, RequestFacts
from modelyard.bodies.json_request import JsonReader, JsonRequest
from modelyard.bodies.json_scan import TOP_LEVEL_MODEL, MemberScanner

_MEMBER = re.compile(rb'"model"[ \t\r\n]*:[ \t\r\n]*("[^"\\]*+(?:\\.[^"\\]*+)*+")', re.S)
_HEAD_BYTES = 512
"""Where ``model`` stands in most bodies that do not end with it."""

_READER = JsonReader(JsonRequest)


def rewrite_model(body: bytes, facts: RequestFacts, model: str) -> bytes:
    """The body with ``model`` as its model; ``facts`` are those that a dialect read from this very body.

    A body without a model is returned as it is. The result has another length: Content-Length must follow.
    """
    if facts.model is None or facts.model == model:
        return body
    if facts.model_spans:
        return _rewrite_form(body, facts.model_spans, model)
    return _rewrite_json(body, model)


def _rewrite_form(body: bytes, spans: tuple[tuple[int, int], ...], model: str) -> bytes:
    value = model.encode()
    if body[: body.index(b"\r\n")] in value:
        raise BodyError("the form's boundary occurs in a model's name: use another boundary", code="invalid_form")
    for start, end in reversed(spans):
        body = _replace(body, start, end, value)
    return body


def _rewrite_json(body: bytes, model: str) -> bytes:
    """Try the likely places first. A replacement is right exactly when the body then names the new model,
    since nothing else has changed; no proof by position is needed."""
    value = msgspec.json.encode(model)
    for at in (body.find(b'"model"', 0, _HEAD_BYTES), body.rfind(b'"model"')):
        match = _MEMBER.match(body, at) if at >= 0 else None
        if match is not None:
            rewritten = _replace(body, *match.span(1), value)
            if _names(rewritten, model):
                return rewritten
    spans, _ = MemberScanner(TOP_LEVEL_MODEL).scan(body)
    return _replace(body, *spans[0], value)


def _names(body: bytes, model: str) -> bool:
    try:
        return _READER.read(body, "", "")[1] == model
    except BodyError:
        return False


def _replace(body: bytes, start: int, end: int, value: bytes) -> bytes:
    return b"".join((body[:start], value, body[end:]))
