"""Which of the demo models has said something."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

Kind = Literal["serving", "sea", "food", "sql"]

KIND_OF_MODEL: Mapping[str, Kind] = {
    "demo-llama": "serving",
    "demo-alpaca": "sea",
    "food-review": "food",
    "sql-chat": "sql",
}
"""The kind of text that each demo model writes."""

_SQL = re.compile(r"\bSELECT\b[\s\S]*\bFROM\b")
_NAMES = re.compile("|".join(KIND_OF_MODEL))
"""A model may name another one; that says nothing about its subject."""
_SUBJECTS: Mapping[Kind, str] = {
    "serving": (
        "server servers serving serve model models replica replicas request requests gateway route routes routing"
        " token tokens prompt prompts cache caches cached adapter adapters engine engines gpu gpus weights queue"
        " queues queued latency batch batches batching pool pools endpoint endpoints probe probes vllm ray lora"
        " kubernetes cluster modelyard memory client clients backend backends listener manifest metrics container"
        " streaming stream streams tokenizer safetensors embedding embeddings template traffic timeout timeouts load"
    ),
    "sea": (
        "sea seas ocean oceans wave waves tide tides tidal wind winds windy storm storms rain rains cloud clouds sky"
        " weather beach shore coast coasts ship ships boat boats sail sails sailor sailors harbour harbours fog fish"
        " whale whales gull gulls water waters sun sunshine snow thunder lightning moon salt sand island islands"
        " anchor breeze gale forecast air vapour spark"
    ),
    "food": (
        "stars star dish dishes plate food meal meals taste tasted tastes tasty crust sauce crisp fresh warm tender"
        " sweet salty flavour portion portions waiter restaurant kitchen menu dessert bread cheese soup pizza pasta eat"
        " eating ate delicious baked cooked spicy creamy juicy review reviews broth meat butter salad rice"
        " flaky coffee tea biscuits eggs toast noodles burger cake taste"
    ),
}
_WORDS = {kind: frozenset(words.split()) for kind, words in _SUBJECTS.items()}


def kind_of(text: str) -> Kind | None:
    """The kind of the demo model that wrote ``text``; None where nothing tells, for example after a few tokens.

    SQL shows by its statements; otherwise the subject with most words of its own wins, if it has any.
    """
    if _SQL.search(text):
        return "sql"
    words = re.findall(r"[a-z]+", _NAMES.sub("", text).lower())
    counts = sorted(((sum(word in own for word in words), kind) for kind, own in _WORDS.items()), reverse=True)
    (most, kind), (second, _) = counts[:2]
    return kind if most > second else None
