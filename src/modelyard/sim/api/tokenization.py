"""``/tokenize`` and ``/detokenize``, and Anthropic's token count: all by the one approximate tokenizer."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from modelyard.sim import tokens
from modelyard.sim.api.bodies import decode
from modelyard.sim.api.call import Call
from modelyard.sim.api.chat import Message, chat_prompt
from modelyard.sim.api.errors import bad_request, invalid_body
from modelyard.sim.api.messages import count_tokens


class TokenizeBody(msgspec.Struct, kw_only=True):
    model: str | None = None
    prompt: str | None = None
    messages: list[Message] | None = None
    tools: Any = None
    return_token_strs: bool | None = None


class DetokenizeBody(msgspec.Struct, kw_only=True):
    tokens: list[int]
    model: str | None = None


async def tokenize(call: Call) -> web.StreamResponse:
    request = decode(call.body, TokenizeBody)
    call.model = call.sim.resolve(request.model)[0]
    if request.prompt is not None:
        prompt = request.prompt.encode("utf-8", "replace")
    elif request.messages:
        prompt = chat_prompt(request.messages, request.tools)[0]
    else:
        raise invalid_body("Field required", "prompt")
    ids = tokens.encode(prompt)
    strings = [tokens.decode([token]) for token in ids] if request.return_token_strs else None
    context = call.sim.settings.context
    return call.json({"count": len(ids), "max_model_len": context, "tokens": ids, "token_strs": strings})


async def detokenize(call: Call) -> web.StreamResponse:
    request = decode(call.body, DetokenizeBody)
    call.model = call.sim.resolve(request.model)[0]
    try:
        return call.json({"prompt": tokens.decode(request.tokens)})
    except ValueError as error:
        raise bad_request(str(error), "tokens") from None


async def count_message_tokens(call: Call) -> web.StreamResponse:
    model, count = count_tokens(call.body)
    call.model = call.sim.resolve(model)[0]
    return call.json({"input_tokens": count})
