"""What simulated models say: readable sentences whose every token is exactly four bytes, decided by a seed.

Words have three or seven letters and a space, sentence ends six letters, a full stop and a space, so text and
token counts agree with ``tokens`` to the token. Each answer begins with ``[simulated]``: nobody takes it for
a model's. One of an adapter says next which weights it is from: ``[lora sql-chat from /adapters/sql]``.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import islice

import msgspec

from modelyard.sim.tokens import BYTES_PER_TOKEN

_OPENING = "[simulated] "
_SUBJECTS = (
    "The old captain ",
    "The new manager ",
    "Our own teacher ",
    "Any one visitor ",
    "The red fox ",
    "One big dog ",
    "Her old teacher ",
    "The few readers ",
    "His own brother ",
    "All six sailors ",
)
_VERBS = (
    "can now see the ",
    "had put off the ",
    "met and saw the ",
    "did not ask for the ",
    "had set out for the ",
    "may yet win the ",
    "had let out the ",
    "ran far off for the ",
    "did not get the ",
    "can not buy the ",
)
_OBJECTS = (
    "big old garden. ",
    "new red bridge. ",
    "hot tea and the summer. ",
    "sea and the island. ",
    "map for the winter. ",
    "box and the letter. ",
    "key for the museum. ",
    "end and the market. ",
    "one old window. ",
    "way out and the harbor. ",
)
_MASK = (1 << 64) - 1


def _tokens(phrase: str) -> tuple[str, ...]:
    return tuple(phrase[i : i + BYTES_PER_TOKEN] for i in range(0, len(phrase), BYTES_PER_TOKEN))


_TABLES = tuple(tuple(map(_tokens, column)) for column in (_SUBJECTS, _VERBS, _OBJECTS))


def adapter_mark(name: str, path: str) -> str:
    """How an answer says which adapter's weights it is from; whole tokens."""
    text = f"[lora {name} from {path}] "
    return text + " " * (-len(text.encode()) % BYTES_PER_TOKEN)


def words(seed: int, mark: str = "") -> Iterator[str]:
    """Endless tokens of text, the same for the same seed."""
    yield from slices(_OPENING + mark)
    state = seed & _MASK
    while True:
        for table in _TABLES:
            state = (state * 6364136223846793005 + 1442695040888963407) & _MASK
            yield from table[(state >> 33) % len(table)]


def slices(text: str) -> Iterator[str]:
    """``text`` cut into its tokens; a character that spans two tokens comes whole with the second."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    data = text.encode()
    for start in range(0, len(data), BYTES_PER_TOKEN):
        yield decoder.decode(data[start : start + BYTES_PER_TOKEN])


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one sequence will say, decided before it starts."""

    seed: int
    tokens: int
    """Length in tokens."""
    finish: str
    """``stop``, or ``length`` when the limit cut it off."""
    stop_reason: str | None = None
    """The stop string that ended it."""
    mark: str = ""
    """Said after the opening (``adapter_mark``)."""
    fixed: str | None = None
    """The whole text where it is not made of words: an echo, or text cut at a stop string."""

    def pieces(self) -> Iterator[str]:
        """The text of each token in order; exactly ``tokens`` of them."""
        if self.fixed is None:
            return islice(words(self.seed, self.mark), self.tokens)
        return islice(_padded(self.fixed), self.tokens)

    def text(self) -> str:
        return "".join(self.pieces())


def _padded(text: str) -> Iterator[str]:
    yield from slices(text)
    while True:
        yield ""


def plan(
    seed: int,
    *,
    limit: int | None,
    natural: int,
    room: int,
    stop: tuple[str, ...] = (),
    echo: str | None = None,
    mark: str = "",
) -> Answer:
    """Decides an answer.

    ``limit`` is the client's ``max_tokens``, which is then also the length (load tests rely on it); without
    one the answer is ``natural`` tokens long. ``room`` is what the context has left. ``echo`` is said instead
    of words; ``mark`` comes before them, and makes a natural answer so much longer.
    """
    if echo is None:
        natural += len(mark.encode()) // BYTES_PER_TOKEN
        tokens = min(natural if limit is None else limit, room)
        finish = "stop" if limit is None and natural <= room else "length"
        answer = Answer(seed=seed, tokens=tokens, finish=finish, mark=mark)
    else:
        whole = max(1, (len(echo.encode()) + 3) // BYTES_PER_TOKEN)
        tokens = min(whole, room if limit is None else min(limit, room))
        answer = Answer(seed=seed, tokens=tokens, finish="stop" if tokens == whole else "length", fixed=echo)
    return _stopped(answer, stop) if stop else answer


def _stopped(answer: Answer, stop: tuple[str, ...]) -> Answer:
    """Cuts the answer before the first stop string in it; the tokens of that string were generated and
    count."""
    text = answer.text()
    found = [(text.find(s), s) for s in stop if s and s in text]
    if not found:
        return answer
    position, string = min(found)
    generated = len(text[: position + len(string)].encode())
    return Answer(
        seed=answer.seed,
        tokens=max(1, (generated + 3) // BYTES_PER_TOKEN),
        finish="stop",
        stop_reason=string,
        fixed=text[:position],
    )
