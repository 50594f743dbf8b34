"""Reads a text file of topics and questions into what a model can be asked and what it answers.

Lines of a file: ``# name | other name`` begins a topic, whose answers follow as ``what:``, ``how:`` and ``why:``;
``? question | other question`` is answered by the ``= answer`` below it; ``* answer`` is for everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "texts"
FACETS = ("what", "how", "why")


@dataclass
class Topic:
    """A thing that one can ask about."""

    names: list[str]
    answers: dict[str, str] = field(default_factory=dict)
    """By facet; ``what`` stands in for the others."""


@dataclass
class Exchange:
    """Questions that have one answer."""

    questions: list[str]
    answer: str = ""


@dataclass
class Subject:
    """Everything that a model knows."""

    topics: list[Topic] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    fallback: str = ""

    @property
    def answers(self) -> list[str]:
        """Every text that the model says."""
        topics = [answer for topic in self.topics for answer in topic.answers.values()]
        return [*topics, *(exchange.answer for exchange in self.exchanges), self.fallback]

    @property
    def questions(self) -> list[str]:
        """Every question that is written down."""
        return [question for exchange in self.exchanges for question in exchange.questions]

    def answer_to(self, question: str) -> str:
        """The answer to a question that is written down."""
        return next(exchange.answer for exchange in self.exchanges if question in exchange.questions)


@cache
def read_subject(name: str) -> Subject:
    """The subject in ``texts/<name>.txt``."""
    subject = Subject()
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        _add(subject, line.strip())
    return subject


def read_unknown() -> list[str]:
    """Things that no model knows, in ``texts/unknown.txt``."""
    return _parts((FOLDER / "unknown.txt").read_text())


def _add(subject: Subject, line: str) -> None:
    mark, _, rest = line.partition(" ")
    match mark:
        case "":
            return
        case "#":
            subject.topics.append(Topic(_parts(rest)))
        case "?":
            subject.exchanges.append(Exchange(_parts(rest)))
        case "=":
            subject.exchanges[-1].answer = rest
        case "*":
            subject.fallback = rest
        case "what:" | "how:" | "why:":
            subject.topics[-1].answers[mark[:-1]] = rest
        case _:
            raise ValueError(f"a line of the texts begins with {mark!r}")


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|")]
