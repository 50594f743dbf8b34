"""Token usage out of answers: the names that OpenAI, Responses and Anthropic have for the same counts."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from modelyard.bodies.facts import Usage

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


class _Details(msgspec.Struct, gc=False):
    cached_tokens: _Tokens | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens | None = None
    total_tokens: _Tokens | None = None
    prompt_tokens_details: _Details | None = None
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    input_tokens_details: _Details | None = None
    cache_read_input_tokens: _Tokens | None = None
    cache_creation_input_tokens: _Tokens | None = None


class _Holder(msgspec.Struct, gc=False):
    usage: _Usage | None = None


class _Answer(msgspec.Struct, gc=False):
    usage: _Usage | None = None
    response: _Holder | None = None
    """Of the Responses API's stream events."""
    message: _Holder | None = None
    """Of Anthropic's ``message_start``."""


_ANSWER = msgspec.json.Decoder(_Answer)
_BARE = msgspec.json.Decoder(_Usage)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise for an engine's text: no JSON or no counts, no UTF-8, nested too deeply."""
_MEMBER = re.compile(rb'"usage"\s*:\s*(\{(?:[^{}"]++|"[^"\\]*+"|\{[^{}]*+\})*+\})')


def usage_of(answer: bytes, before: Usage | None = None) -> Usage | None:
    """Usage that a whole JSON answer or stream event reports, added to what earlier events reported.

    ``before`` is kept where this one says nothing (Anthropic reports input first and output last); no error
    is raised for what is not JSON or holds no usable counts.
    """
    try:
        decoded = _ANSWER.decode(answer)
    except _UNREADABLE:
        return before
    for holder in (decoded, decoded.response, decoded.message):
        if holder is not None and holder.usage is not None:
            return _merged(holder.usage, before)
    return before


def read_usage(text: bytes, before: Usage | None = None) -> Usage | None:
    """The counts of a ``usage`` object, added to ``before``, which is kept where the text has none, is no JSON or is
    nested more deeply than can be decoded; no error is raised."""
    try:
        return _merged(_BARE.decode(text), before)
    except _UNREADABLE:
        return before


def usage_near_end(tail: bytes) -> Usage | None:
    """Usage out of the last bytes of an event that was too long to keep: its last ``usage`` member."""
    found: Usage | None = None
    for match in _MEMBER.finditer(tail):
        found = read_usage(match[1], found)
    return found


def _merged(new: _Usage, before: Usage | None) -> Usage | None:
    output = new.completion_tokens if new.output_tokens is None else new.output_tokens
    read = _input(new, output)
    cached = _cached(new)
    if read is None and output is None:
        return before
    old = before or Usage()
    return Usage(
        input_tokens=old.input_tokens if read is None else read,
        output_tokens=old.output_tokens if output is None else output,
        cached_tokens=old.cached_tokens if cached is None else cached,
    )


def _input(new: _Usage, output: int | None) -> int | None:
    """All input tokens. Anthropic's API, and vLLM's form of it, count those of the cache apart; rerank answers of some
    engines give totals only."""
    if new.prompt_tokens is not None:
        return new.prompt_tokens
    if new.input_tokens is not None:
        return new.input_tokens + (new.cache_read_input_tokens or 0) + (new.cache_creation_input_tokens or 0)
    return None if new.total_tokens is None else max(0, new.total_tokens - (output or 0))


def _cached(new: _Usage) -> int | None:
    details = new.prompt_tokens_details or new.input_tokens_details
    return new.cache_read_input_tokens if details is None else details.cached_tokens
