"""Request bodies: typed decoding, the sampling fields that several APIs share, and prompts as bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from modelyard.sim import tokens
from modelyard.sim.api.errors import ApiError, bad_request, invalid_body

_MAX_CHOICES = 16384
"""vLLM's own cap on ``n``."""
_PATH = re.compile(r" - at `\$?\.?(.*)`$")
T = TypeVar("T")


class StreamOptions(msgspec.Struct, kw_only=True):
    include_usage: bool | None = None
    continuous_usage_stats: bool | None = None


class SamplingBody(msgspec.Struct, kw_only=True):
    """Fields of chat completions and completions that decide what is generated. Unknown fields are
    ignored."""

    model: str | None = None
    max_tokens: int | None = None
    n: int | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    cache_salt: str | None = None
    priority: int | None = None


class Ask(msgspec.Struct, kw_only=True):
    """One request for generated text, whatever API it came by."""

    model: str | None
    """Name asked for; None: the base model."""
    prompts: list[bytes]
    echoes: list[str]
    """What an echoing server says to each prompt."""
    choices: int = 1
    """Answers per prompt."""
    limit: int | None = None
    """``max_tokens``; None: the server's own length."""
    stop: tuple[str, ...] = ()
    seed: int = 0
    stream: bool = False
    include_usage: bool = False
    continuous_usage: bool = False
    salt: str = ""
    """Keeps prefix caches of different tenants apart."""
    generate: bool = True
    """False: prompts are only computed, as for embeddings."""


def decode(body: bytes, kind: type[T]) -> T:
    """``body`` as ``kind``; ApiError 400 with the field at fault."""
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        message = str(error)
        found = _PATH.search(message)
        raise invalid_body(_PATH.sub("", message), found.group(1) if found else "") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_body(f"JSON decode error: {error}") from None


def sampled(body: SamplingBody, prompts: list[bytes], echoes: list[str], *, limit: int | None) -> Ask:
    """The request with its sampling fields checked, as vLLM checks them."""
    choices = 1 if body.n is None else body.n
    if choices < 1:
        raise bad_request(f"n must be at least 1, got {choices}.", "n")
    if choices * len(prompts) > _MAX_CHOICES:
        raise bad_request(f"n must be at most {_MAX_CHOICES}, got {choices}.", "n")
    if limit is not None and limit < 1:
        raise bad_request(f"max_tokens must be at least 1, got {limit}.", "max_tokens")
    if body.stream_options and not body.stream:
        raise bad_request("Stream options can only be defined when `stream=True`.", "stream_options")
    if body.priority:
        raise bad_request(f"Got priority {body.priority} but Priority scheduling is not enabled.", "priority")
    options = body.stream_options or StreamOptions()
    return Ask(
        model=body.model,
        prompts=prompts,
        echoes=echoes,
        choices=choices,
        limit=limit,
        stop=stops(body.stop),
        seed=body.seed or 0,
        stream=bool(body.stream),
        include_usage=bool(options.include_usage),
        continuous_usage=bool(options.include_usage and options.continuous_usage_stats),
        salt=body.cache_salt or "",
    )


def stops(stop: str | list[str] | None) -> tuple[str, ...]:
    if stop is None:
        return ()
    return (stop,) if isinstance(stop, str) else tuple(stop)


def prompt_list(value: Any, field: str = "prompt") -> list[bytes]:
    """Prompts of a completion or embedding: a string, a list of strings, token ids, or lists of token ids."""
    if isinstance(value, str) and value:
        return [value.encode()]
    if isinstance(value, list) and value:
        if all(type(item) is int for item in value):
            return [_packed(value, field)]
        return [_one_prompt(item, field) for item in value]
    raise bad_request(f"Either {field} or {field}_embeds must be provided and non-empty.", field)


def _one_prompt(item: Any, field: str) -> bytes:
    if isinstance(item, str):
        return item.encode()
    if isinstance(item, list) and item and all(type(token) is int for token in item):
        return _packed(item, field)
    raise invalid_body("Expected a string, a list of strings, token ids, or lists of token ids", field)


def _packed(ids: list[int], field: str) -> bytes:
    try:
        return tokens.pack(ids)
    except ValueError as error:
        raise bad_request(str(error), field) from None


def text_of(content: Any) -> str:
    """Text of a message's content: a string, or the text parts of a list; other parts count by their type's
    name."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(map(_part, content))
    raise invalid_body(f"Expected a string or a list of parts, got {type(content).__name__}", "messages.content")


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict):
        raise invalid_body("Expected a content part with a `type`", "messages.content")
    text = part.get("text")
    if isinstance(text, str):
        return text
    return f"<|{part.get('type', 'part')}|>"


def rendered(messages: Iterable[tuple[str, str]]) -> bytes:
    """The chat template: role and text of each message, each padded to whole tokens, then the assistant's
    turn.

    The padding makes a later turn's prompt start with exactly the blocks of the turns before it, so that
    conversations hit the prefix cache as they do with a real template.
    """
    parts = [_padded(f"<|{role}|>\n") + _padded(text) for role, text in messages]
    return b"".join(parts) + _padded("<|assistant|>\n")


def _padded(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return data + b" " * (-len(data) % tokens.BYTES_PER_TOKEN)


def require(condition: bool, error: ApiError) -> None:
    if not condition:
        raise error
