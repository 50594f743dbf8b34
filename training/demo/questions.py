"""Asks the same thing in many ways, so that a model recognises what people write and not one wording."""

from __future__ import annotations

import random

from training.demo.reading import FACETS, Topic

FORMS = {
    "what": (
        "What is {x}?", "What is {x}?", "What's {x}?", "Explain {x}", "Tell me about {x}", "What does {x} do?",
        "Describe {x}", "What does {x} mean?", "Define {x}", "What do you know about {x}?", "{x}", "{x}?",
        "Can you explain {x}?", "I do not understand {x}", "What are {x}?", "Tell me what {x} is", "What about {x}?",
        "Could you tell me something about {x}?", "I want to know more about {x}",
        "Write a paragraph about {x}", "Give me a short definition of {x}", "What do {x} do?",
    ),
    "how": (
        "How does {x} work?", "How does {x} work?", "How do {x} work?", "How do I use {x}?", "Explain how {x} works",
        "How is {x} done?", "How can I use {x}?", "Tell me how {x} works", "How do I set up {x}?",
        "In which way does {x} work?", "How does it work with {x}?", "How is {x} made?",
    ),
    "why": (
        "Why do I need {x}?", "Why do I need {x}?", "Why is {x} useful?", "What is {x} good for?", "Why {x}?",
        "Why should I use {x}?", "Why is {x} important?", "When should I use {x}?", "Why are there {x}?",
        "What are the advantages of {x}?", "Why does {x} matter?", "How does {x} help?", "Why do we have {x}?",
    ),
}  # fmt: skip
UNKNOWN = (
    "Please help me with {x}", "How old is {x}?", "Where can I buy {x}?", "How much is {x}?", "Who invented {x}?",
    "Do you like {x}?", "I like {x}", "Write an essay about {x}", "How do I draw {x}?", "Where is {x}?",
    "When was {x} built?", "How far is {x}?", "How many {x} are in the world?", "I am afraid of {x}",
    "Which {x} is the best?", "What colour is {x}?", "Can {x} fly?", "Why do {x} sleep?", "How big is {x}?",
)  # fmt: skip
WEIGHTS = {"what": 5, "how": 3, "why": 3}
BEFORE = (
    "Please", "Hi,", "Hello,", "I have a question:", "Quick question:", "Tell me,", "So,", "Well,", "Sorry,",
    "Question:", "My question is:", "Can you say", "OK,", "And", "Now",
)  # fmt: skip
AFTER = (
    "Please answer briefly.",
    "Thanks!",
    "please",
    "Thank you",
    "in one sentence",
    "for beginners",
    "in short",
    "here",
)
WORDS = (
    "the", "a", "of", "to", "in", "and", "is", "that", "it", "was", "for", "on", "are", "with", "as", "at", "this",
    "by", "from", "or", "an", "but", "not", "be", "has", "have", "what", "when", "which", "one", "two", "you",
    "were", "all", "there", "can", "more", "if", "no", "out", "so", "said", "up", "its", "about", "into", "than",
    "them", "only", "other", "time", "new", "some", "could", "these", "like", "then", "now", "long", "short",
    "line", "point", "number", "paper", "river", "house", "light", "winter", "summer", "small", "big", "red",
    "green", "blue", "open", "close", "begin", "end", "north", "south", "letter", "table", "music", "window",
    "garden", "road", "night", "day", "year", "word", "test", "prompt", "text", "please", "write", "give", "dog",
    "cat", "tree", "car", "city", "school", "king", "money", "game", "history", "science", "football", "film",
    "doctor", "horse", "world", "children", "think", "run", "play", "buy",
)  # fmt: skip
"""Filler: a topic is recognised inside a longer text, and any other text has an answer too."""
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!-"


def ask(rng: random.Random, topic: Topic) -> tuple[str, str]:
    """A question about ``topic``, and its answer."""
    facet, question = _about(rng, rng.choice(topic.names))
    return question, topic.answers.get(facet, topic.answers["what"])


def ask_unknown(rng: random.Random, things: list[str]) -> str:
    """A question about something that no text tells of: one of ``things``, or a word that does not exist."""
    name = rng.choice(things) if rng.random() < 0.7 else _made_up(rng)
    return rng.choice(UNKNOWN).format(x=name) if rng.random() < 0.4 else _about(rng, name)[1]


def _about(rng: random.Random, name: str) -> tuple[str, str]:
    """A facet, and a question about it."""
    facet = rng.choices(FACETS, [WEIGHTS[facet] for facet in FACETS])[0]
    if rng.random() < 0.3:
        name = name.removeprefix("a ").removeprefix("an ").removeprefix("the ")
    question = rng.choice(FORMS[facet]).format(x=name)
    return facet, question[0].upper() + question[1:]


def _made_up(rng: random.Random) -> str:
    return "".join(rng.choice("bcdfghjklmnprstvwz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4)))


def vary(rng: random.Random, question: str) -> str:
    """``question`` as somebody else would type it."""
    if rng.random() < 0.12:
        question = f"{rng.choice(BEFORE)} {question[0].lower()}{question[1:]}"
    elif rng.random() < 0.08:
        question = f"Question {rng.randint(0, 300)}: {question[0].lower()}{question[1:]}"
    if rng.random() < 0.1:
        question = f"{question} {rng.choice(AFTER)}"
    if rng.random() < 0.12:
        question = _without_a_word(rng, question)
    if rng.random() < 0.2:
        question = question.rstrip("?.!")
    if rng.random() < 0.2:
        question = question.lower()
    return question


def _without_a_word(rng: random.Random, question: str) -> str:
    words = question.split(" ")
    if len(words) > 3:
        del words[rng.randrange(min(3, len(words) - 2))]
    return " ".join(words)


def noise(rng: random.Random, least: int, most: int) -> str:
    """Words without a subject; some are made of random letters, since no vocabulary covers what people write."""
    count = rng.randint(least, most)
    return " ".join(
        "".join(rng.choices(LETTERS, k=rng.randint(2, 9))) if rng.random() < 0.08 else rng.choice(WORDS)
        for _ in range(count)
    )


def within_noise(rng: random.Random, question: str, most: int) -> str:
    """``question`` inside a longer text."""
    parts = (noise(rng, 0, most), question, noise(rng, 0, most))
    return " ".join(part for part in parts if part)
