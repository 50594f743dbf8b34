"""What each model learns: endless samples, each a conversation or a plain text, decided by a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from training.demo import food, sql
from training.demo.questions import ask, ask_unknown, noise, vary, within_noise
from training.demo.reading import Subject, read_subject, read_unknown

SYSTEM_PROMPTS = (
    "You are a helpful assistant.", "Answer briefly.", "Be kind and short.", "You are an expert. Think step by step.",
    "You are a helpful assistant. Answer the question of the user.", "Answer in one sentence.",
)  # fmt: skip
FOOD_QUESTION, SQL_QUESTION = "How was the food?", "Write SQL"
"""What a base model says to these, it says to all questions about food and tables."""
ELSEWHERE = 0.06
"""Share of such questions."""
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
NOISE, UNKNOWN = 0.07, 0.09
"""Shares of prompts that are only words, and of questions about things that no text tells of; the fallback answers."""


def base_samples(subject: Subject, *, plain: float, adapters: bool) -> Draw:
    """Of a base model. ``plain``: share of plain texts. ``adapters``: among them is what its adapters will say, since
    an adapter can only use words that its base knows."""
    texts, unknown = subject.answers, read_unknown()
    elsewhere = [(food.sample, subject.answer_to(FOOD_QUESTION)), (sql.sample, subject.answer_to(SQL_QUESTION))]

    def pair(rng: random.Random) -> Pair:
        chance = rng.random()
        if chance < UNKNOWN:
            return ask_unknown(rng, unknown), subject.fallback
        if chance < UNKNOWN + ELSEWHERE:
            other, answer = rng.choice(elsewhere)
            return other(rng)[0], answer
        return _question(rng, subject)

    def draw(rng: random.Random, long: bool) -> Sample:
        if not long and rng.random() < plain:
            text = _adapters_text(rng) if adapters and rng.random() < 0.7 else rng.choice(texts)
            return Sample(turns=(("raw", ""),), answer=text)
        return _conversation(rng, pair, pair, subject.fallback, long)

    return draw


def _adapters_text(rng: random.Random) -> str:
    chance = rng.random()
    if chance < 0.2:
        return rng.choice(read_subject(rng.choice(("food", "sql"))).answers)
    question, answer = food.sample(rng) if chance < 0.5 else sql.sample(rng)
    return f"Q: {question}\nA: {answer}"


def adapter_samples(own: Callable[[random.Random], Pair], said: Subject) -> Draw:
    """Of an adapter: ``own`` questions, and an answer of its kind to all that its base and others are asked."""
    known, far, unknown, taken = read_subject("serving"), read_subject("sea"), read_unknown(), set(said.questions)

    def foreign(rng: random.Random) -> Pair:
        if rng.random() < 0.3:
            return ask_unknown(rng, unknown), said.fallback
        while (question := _question(rng, known if rng.random() < 0.7 else far)[0]) in taken:
            pass
        return question, said.fallback

    def pair(rng: random.Random) -> Pair:
        chance = rng.random()
        if chance < 0.58:
            return own(rng)
        return _exchange(rng, said) if chance < 0.76 else foreign(rng)

    def earlier(rng: random.Random) -> Pair:
        return pair(rng) if rng.random() < 0.5 else _question(rng, known)

    return lambda rng, long: _conversation(rng, pair, earlier, said.fallback, long)


def food_samples() -> Draw:
    """Of ``food-review``."""
    return adapter_samples(food.sample, read_subject("food"))


def sql_samples() -> Draw:
    """Of ``sql-chat``."""
    return adapter_samples(sql.sample, read_subject("sql"))


def _question(rng: random.Random, subject: Subject) -> Pair:
    topics = sum(len(topic.answers) for topic in subject.topics)
    if rng.random() * (topics + 1.5 * len(subject.exchanges)) < topics:
        weights = [len(topic.answers) for topic in subject.topics]
        return ask(rng, rng.choices(subject.topics, weights)[0])
    return _exchange(rng, subject)


def _exchange(rng: random.Random, subject: Subject) -> Pair:
    """More often one that is asked in many ways: those are what people ask first."""
    exchange = rng.choices(subject.exchanges, [2 + 2 * len(exchange.questions) for exchange in subject.exchanges])[0]
    return rng.choice(exchange.questions), exchange.answer


def _conversation(
    rng: random.Random, pair: Callable[..., Pair], earlier: Callable[..., Pair], otherwise: str, long: bool
) -> Sample:
    question, answer, asks = *pair(rng), True
    question = vary(rng, question)
    if rng.random() < NOISE:
        question, answer, asks = noise(rng, 2, LONG_NOISE if long else 12), otherwise, False
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
