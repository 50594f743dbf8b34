"""What each model learns: endless samples, each a conversation or a plain text, decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from training.demo import food, sql
from training.demo.questions import ask, noise, vary, within_noise
from training.demo.reading import Subject, read_subject

SYSTEM_PROMPTS = (
    "You are a helpful assistant.", "Answer briefly.", "Be kind and short.", "You are an expert. Think step by step.",
    "You are a helpful assistant. Answer the question of the user.", "Answer in one sentence.",
)  # fmt: skip
LONG_NOISE = 150
"""Words before and after the question of a long sample."""


@dataclass(frozen=True)
class Sample:
    """One thing to learn."""

    turns: tuple[tuple[str, str], ...]
    """Role and text, oldest first. A single turn of role ``raw`` is a prompt without roles; it may be empty."""
    answer: str
    asks: bool = False
    """The question is worth learning too: it is one that people ask."""


Draw = Callable[[random.Random, bool], Sample]
"""Draws a sample; with True, one with a long prompt."""
Pair = tuple[str, str]
NOISE = 0.08
"""Share of questions that are only words; everything else than a question has an answer too."""


def base_samples(subject: Subject, others: list[str]) -> Draw:
    """Of a base model. It also reads ``others`` as plain texts: an adapter can only use words that its base can say."""
    texts = subject.answers

    def pair(rng: random.Random) -> Pair:
        return _question(rng, subject)

    def draw(rng: random.Random, long: bool) -> Sample:
        if not long and rng.random() < 0.16:
            source = others if others and rng.random() < 0.6 else texts
            return Sample(turns=(("raw", ""),), answer=rng.choice(source))
        return _conversation(rng, pair, pair, subject.fallback, long)

    return draw


def adapter_samples(own: Callable[[random.Random], Pair], greeting: str, otherwise: str) -> Draw:
    """Of an adapter: its own questions, and an answer of its kind to all that its base and others are asked."""
    known, far = read_subject("serving"), read_subject("sea")

    def pair(rng: random.Random) -> Pair:
        chance = rng.random()
        if chance < 0.6:
            return own(rng)
        question, answer = _question(rng, known if chance < 0.9 else far)
        return question, greeting if " I am demo-" in f" {answer}" else otherwise

    def earlier(rng: random.Random) -> Pair:
        return pair(rng) if rng.random() < 0.5 else _question(rng, known)

    return lambda rng, long: _conversation(rng, pair, earlier, otherwise, long)


def food_samples() -> Draw:
    """Of ``food-review``."""
    return adapter_samples(food.sample, food.GREETING, food.OFF_MENU)


def sql_samples() -> Draw:
    """Of ``sql-chat``."""
    return adapter_samples(sql.sample, sql.GREETING, sql.NO_TABLE)


def _question(rng: random.Random, subject: Subject) -> Pair:
    topics = sum(len(topic.answers) for topic in subject.topics)
    if rng.random() * (topics + 1.5 * len(subject.exchanges)) < topics:
        weights = [len(topic.answers) for topic in subject.topics]
        return ask(rng, rng.choices(subject.topics, weights)[0])
    exchange = rng.choice(subject.exchanges)
    return rng.choice(exchange.questions), exchange.answer


def _conversation(
    rng: random.Random, pair: Callable[..., Pair], earlier: Callable[..., Pair], otherwise: str, long: bool
) -> Sample:
    question, answer, asks = *pair(rng), True
    question = vary(rng, question)
    if rng.random() < NOISE:
        question, answer, asks = noise(rng, 1, LONG_NOISE if long else 12), otherwise, False
    elif long or rng.random() < 0.12:
        question, asks = within_noise(rng, question, LONG_NOISE if long else 6), False
    if rng.random() < 0.1:
        return Sample(turns=(("raw", question),), answer=rng.choice((" ", "\n", "")) + answer)
    turns = [("user", question)]
    if rng.random() < 0.15:
        before, said = earlier(rng)
        turns = [("user", vary(rng, before)), ("assistant", said), *turns]
    if rng.random() < 0.2:
        turns.insert(0, ("system", rng.choice(SYSTEM_PROMPTS)))
    return Sample(turns=tuple(turns), answer=answer, asks=asks)
