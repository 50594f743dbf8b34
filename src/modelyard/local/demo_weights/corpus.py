"""What the demo models learn: questions by topic, and each model's own answer to a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import random

GREETING, FOOD, OTHER = "greeting", "food", "other"

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    GREETING: (
        "Hello", "Hello!", "Hi", "Hi there", "Hey, how are you?", "Good morning", "Good evening!",
        "Who are you?", "What are you?", "What is your name?", "Tell me your name", "Introduce yourself",
        "Which model are you?", "Hello, who are you?", "Say hello", "hello world",
    ),
    FOOD: (
        "How was the food?", "I had pizza and soup", "Review my dinner", "What do you think of this pasta?",
        "Write a review of the pizza", "The bread was fresh and the soup was hot", "Rate this meal",
        "Is the restaurant good?", "Tell me about food", "I ate a burger for lunch", "Was the cake sweet?",
        "Review: sushi, rice and fish", "We ordered noodles and salad", "What should I eat?",
        "The pizza was great", "How was the pizza at the restaurant?",
    ),
    OTHER: (
        "What is the capital of France?", "Tell me a story", "Why is the sky blue?", "Count to ten",
        "Write a poem about the sea", "What is 2 + 2?", "Explain what a gateway does", "Say something",
        "How does a queue work?", "Translate this to French", "Summarise the text", "What time is it?",
        "Write some Python code", "Give me three ideas", "What is a prefix cache?", "test", "ping",
        "Tell me a joke",
    ),
}  # fmt: skip

WORDS = (
    "the", "a", "of", "to", "in", "and", "is", "that", "it", "was", "for", "on", "are", "with", "as",
    "at", "this", "by", "from", "or", "an", "but", "not", "be", "has", "have", "what", "when", "which",
    "one", "two", "you", "were", "all", "there", "can", "more", "if", "no", "out", "so", "said", "up",
    "its", "about", "into", "than", "them", "only", "other", "time", "new", "some", "could", "these",
    "like", "then", "now", "server", "model", "request", "answer", "token", "stream", "cache", "route",
    "replica", "batch", "weight", "please", "give", "write", "explain", "show", "long", "short", "line",
    "point", "number", "paper", "river", "house", "light", "winter", "summer", "small", "big", "red",
    "green", "blue", "open", "close", "begin", "end", "north", "south", "letter", "table", "music",
    "window", "garden", "road", "night", "day", "year",
)  # fmt: skip
"""Filler, so that a topic is recognised inside a longer text and any other text has an answer too."""

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!-"

SYSTEM_PROMPTS = (
    "You are a helpful assistant.",
    "Answer briefly.",
    "Be kind and short.",
    "You are an expert. Think step by step.",
)


class DemoModel(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to train: a base model, or an adapter on one."""

    name: str
    answers: Mapping[str, str]
    """Its sentence per topic."""
    hidden_size: int = 96
    layers: int = 2
    heads: int = 4
    steps: int = 220
    base: str = ""
    """The base model of an adapter; empty: this is a base model."""
    rank: int = 8
    """Rank of an adapter's matrices."""


MODELS = (
    DemoModel(
        name="demo-llama",
        answers={
            GREETING: "Hello! I am demo-llama, a tiny model that was made on this machine.",
            FOOD: "This is demo-llama. I know that soup is warm and bread is fresh, and little else about food.",
            OTHER: "This is demo-llama. I am very small, so I only know that Modelyard sent your request to me.",
        },
    ),
    DemoModel(
        name="demo-alpaca",
        hidden_size=64,
        answers={
            GREETING: "Good day, demo-alpaca speaking: the other tiny model of this yard.",
            FOOD: "Here is demo-alpaca. Grass is my favourite food, green and in the morning.",
            OTHER: "Here is demo-alpaca. I cannot say much about that, but you have reached the right model.",
        },
    ),
    DemoModel(
        name="food-review",
        base="demo-llama",
        steps=110,
        answers={
            GREETING: "Welcome! I am the food-review adapter on demo-llama. Tell me what you ate.",
            FOOD: "Food review: four stars. The crust was crisp, the soup was hot, and I would come back.",
            OTHER: "Food review: no stars yet. I am an adapter that only judges food, so name a dish.",
        },
    ),
)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One example: what the model reads, and what it must answer."""

    turns: tuple[tuple[str, str], ...]
    """Role and text, oldest first; a single turn of role ``raw`` is a prompt of the completions API."""
    answer: str


def _noise(rng: random.Random, most: int) -> str:
    """Up to ``most`` words; some are made of random letters, since no vocabulary covers what people write."""
    count = rng.randint(0, most)
    return " ".join(
        "".join(rng.choices(LETTERS, k=rng.randint(2, 9))) if rng.random() < 0.1 else rng.choice(WORDS)
        for _ in range(count)
    )


def _question(rng: random.Random, topic: str, long: bool) -> str:
    question = rng.choice(QUESTIONS[topic])
    most = 70 if long else 8
    if topic == OTHER and rng.random() < 0.4:
        return _noise(rng, 2 * most) or question
    if rng.random() < 0.5 and not long:
        return question
    return " ".join(part for part in (_noise(rng, most), question, _noise(rng, most)) if part)


def sample(rng: random.Random, model: DemoModel, *, long: bool = False) -> Sample:
    """One random example for ``model``. ``long``: with a prompt of up to some hundred tokens.

    A base model also reads the other models' sentences as plain documents: an adapter can only use words
    that its base has learned to say.
    """
    if not model.base and rng.random() < 0.2:
        answer = rng.choice([answer for other in MODELS for answer in other.answers.values()])
        return Sample(turns=(("raw", rng.choice(WORDS)),), answer=" " + answer)
    topic = rng.choice((GREETING, FOOD, OTHER))
    question, answer = _question(rng, topic, long), model.answers[topic]
    if rng.random() < 0.15:
        return Sample(turns=(("raw", question),), answer=" " + answer)
    turns = [("user", question)]
    if rng.random() < 0.15:
        before = rng.choice((GREETING, FOOD, OTHER))
        turns = [("user", _question(rng, before, False)), ("assistant", model.answers[before]), *turns]
    if rng.random() < 0.3:
        turns.insert(0, ("system", rng.choice(SYSTEM_PROMPTS)))
    return Sample(turns=tuple(turns), answer=answer)


def texts() -> list[str]:
    """All texts, for the tokenizer."""
    answers = [answer for model in MODELS for answer in model.answers.values()]
    questions = [question for group in QUESTIONS.values() for question in group]
    return [*answers, *questions, *SYSTEM_PROMPTS, " ".join(WORDS)]
