"""One model request under way: what was asked, the sequences that answer it, and how far they are."""

from __future__ import annotations

from typing import Any, Protocol

from modelyard.sim.api.bodies import Ask
from modelyard.sim.engine import Emission
from modelyard.sim.sequence import Sequence

FINGERPRINT = "modelyard-sim"


class Job:
    """State of one request; its sequences are in the order of the answer's choices."""

    __slots__ = ("ask", "created", "cut", "id", "model", "sequences", "tokens_out", "unfinished")

    def __init__(self, ask: Ask, *, id: str, created: int, model: str) -> None:
        self.ask = ask
        self.id = id
        """Bare request id; each API puts its own prefix before it."""
        self.created = created
        """Unix time, seconds."""
        self.model = model
        """Name of the base model or adapter that answers."""
        self.sequences: list[Sequence] = []
        self.unfinished = 0
        self.tokens_out = 0
        """Tokens generated so far."""
        self.cut = False
        """A fault reset its connection: nothing more goes out."""

    def index(self, sequence: Sequence) -> int:
        """Number of the choice that ``sequence`` is."""
        return 0 if len(self.sequences) == 1 else self.sequences.index(sequence)

    @property
    def prompt_tokens(self) -> int:
        """Prompt tokens, each prompt counted once however many choices it has."""
        return sum(sequence.prompt_tokens for sequence in self.sequences[:: self.ask.choices])

    @property
    def cached_tokens(self) -> int:
        return sum(sequence.cached_tokens for sequence in self.sequences[:: self.ask.choices])

    @property
    def completion_tokens(self) -> int:
        return sum(sequence.generated for sequence in self.sequences)

    def usage(self) -> dict[str, Any]:
        """OpenAI's usage object; vLLM adds the cached tokens only with ``--enable-prompt-tokens-details``."""
        prompt, completion = self.prompt_tokens, self.completion_tokens
        return {
            "prompt_tokens": prompt,
            "total_tokens": prompt + completion,
            "completion_tokens": completion,
            "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
        }

    @property
    def text(self) -> str:
        """The whole answer of the first choice."""
        return text_of(self.sequences[0])


class EventStream(Protocol):
    """Server-sent events of one job."""

    def opening(self) -> bytes:
        """Events sent with the response head, before any token."""

    def token(self, emission: Emission) -> bytes:
        """Events for one token."""

    def closing(self) -> bytes:
        """Events after the last token of the last choice."""


class Dialect(Protocol):
    """One API that generates text."""

    def ask(self, body: bytes) -> Ask:
        """Reads a request body. ApiError: it is not a valid one."""

    def whole(self, job: Job) -> dict[str, Any]:
        """The answer in one piece."""

    def stream(self, job: Job) -> EventStream:
        """The answer as events."""


def text_of(sequence: Sequence) -> str:
    """Everything that a sequence said."""
    return sequence.answer.text() if sequence.answer else ""
