"""Jobs whose engine has run, for tests of the dialects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from modelyard.sim.api.bodies import Ask
from modelyard.sim.api.job import Dialect, Job
from modelyard.sim.engine import Emission
from modelyard.sim.prose import plan
from modelyard.sim.sequence import Sequence


class Jobs:
    """What the simulator does with a request, without a server."""

    def ask(self, dialect: Dialect, **body: Any) -> Ask:
        return dialect.ask(msgspec.json.encode(body))

    def job(self, ask: Ask) -> Job:
        """A job with its sequences as the simulator makes them."""
        job = Job(ask, id="1", created=2, model=ask.model or "m")
        for prompt in ask.prompts:
            for choice in range(ask.choices):
                answer = plan(choice, limit=ask.limit, natural=4, room=1000, stop=ask.stop)
                job.sequences.append(Sequence(prompt, answer, block_size=16))
        job.unfinished = len(job.sequences)
        return job

    def whole(self, dialect: Dialect, **body: Any) -> Any:
        """The answer in one piece."""
        job = self.job(self.ask(dialect, **body))
        for sequence in job.sequences:
            assert sequence.answer
            sequence.generated = sequence.answer.tokens
        return dialect.whole(job)

    def stream(self, dialect: Dialect, **body: Any) -> bytes:
        """The answer as events, choice after choice."""
        job = self.job(self.ask(dialect, stream=True, **body))
        stream = dialect.stream(job)
        sent = stream.opening()
        for sequence in job.sequences:
            pieces = list(sequence.pieces)
            for number, piece in enumerate(pieces, 1):
                sequence.generated = number
                sent += stream.token(Emission(sequence, piece, number == len(pieces)))
        return sent + stream.closing()

    def data(self, stream: bytes) -> list[Any]:
        """The JSON of every event, ``[DONE]`` left out."""
        lines = [line.removeprefix(b"data: ") for line in stream.split(b"\n") if line.startswith(b"data: ")]
        return [msgspec.json.decode(line) for line in lines if line != b"[DONE]"]


@pytest.fixture
def jobs() -> Jobs:
    return Jobs()
