"""Base checkpoints served for chat: chats are refused, or merely gone on with where there is a chat template."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.findings.ray_services import llm_models, name_of
from modelyard.resources.finding import Finding
from modelyard.resources.resource_set import ResourceSet

_FAMILIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"Qwen/Qwen(?:1\.5|2|2\.5)-[\d.]+B"), "{0}-Instruct"),
    (re.compile(r"(Qwen/Qwen3-[\d.]+B(?:-A\d+B)?)-Base"), "{1}"),
    (re.compile(r"meta-llama/(?:Meta-)?Llama-3(?:\.\d)?-\d+B"), "{0}-Instruct"),
    (re.compile(r"(meta-llama/Llama-2-\d+b)(-hf)?"), "{1}-chat{2}"),
    (re.compile(r"google/gemma-(?:2-)?\d+b"), "{0}-it"),
    (re.compile(r"(google/gemma-3-\d+[bm])-pt"), "{1}-it"),
    (re.compile(r"(mistralai/Mistral-7B)-(v0\.[13])"), "{1}-Instruct-{2}"),
    (re.compile(r"(HuggingFaceTB/SmolLM2-[\d.]+[BM])"), "{0}-Instruct"),
)
"""Ids of base checkpoints -> the one that was trained for chat."""


def chat_counterpart(model: str) -> str:
    """The checkpoint for chat of a base checkpoint's id; empty where ``model`` is none that is known."""
    for pattern, template in _FAMILIES:
        found = pattern.fullmatch(model)
        if found is not None:
            return template.format(found[0], *(group or "" for group in found.groups()))
    return ""


def base_checkpoints(resources: ResourceSet) -> Iterator[Finding]:
    """Models of Ray Serve LLM, which always offers the chat API."""
    for service, model in llm_models(resources):
        source = model.model_loading_config.source
        chat = chat_counterpart(source)
        if chat and "chat_template" not in model.engine_kwargs:
            yield Finding(
                object=name_of(service),
                check="chat-template",
                message=f"model {model.model_id}: {source} is a base checkpoint, not trained to answer: chats are "
                "refused where it has no chat template, and gone on with where it has one",
                advice=f"serve {chat}; for completions only, it is right as it is",
            )
