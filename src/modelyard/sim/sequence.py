"""One sequence of a simulated engine: a prompt, and one answer to it (a request with ``n`` choices has
``n``)."""

from __future__ import annotations

from collections.abc import Iterator

from modelyard.sim.kvcache import Lease
from modelyard.sim.prose import Answer
from modelyard.sim.tokens import BYTES_PER_TOKEN, block_hashes, count

NEW, WAITING, RUNNING, DONE = "new", "waiting", "running", "done"


class Sequence:
    """Mutable state of one sequence; only the engine changes it."""

    __slots__ = (
        "admitted_at", "answer", "arrived_at", "cached_tokens", "epoch", "first_at", "generated", "hashes",
        "last_at", "lease", "lora", "owner", "parent", "pieces", "preempted", "prompt_tokens", "state", "tail",
    )  # fmt: skip

    def __init__(
        self,
        prompt: bytes,
        answer: Answer | None,
        *,
        block_size: int,
        caching: bool = True,
        lora: str = "",
        root: int = 0,
        owner: object = None,
    ) -> None:
        self.prompt_tokens = count(prompt)
        prompt = prompt.ljust(self.prompt_tokens * BYTES_PER_TOKEN, b"\0")
        self.answer = answer
        """None: nothing is generated, as for embeddings; it ends with its prefill."""
        self.lora = lora
        """Adapter; empty: the base model."""
        self.owner = owner
        """Whoever submitted it; the engine never looks at it."""
        self.hashes: list[int] = block_hashes(prompt, block_size, root) if caching else []
        """Full blocks known so far; kept here while it waits, in the lease while it runs."""
        self.parent = self.hashes[-1] if self.hashes else root
        """Hash of its last full block."""
        self.tail = bytearray(prompt[len(self.hashes) * block_size * BYTES_PER_TOKEN :]) if caching else bytearray()
        """Bytes after its last full block."""
        self.lease: Lease | None = None
        self.pieces: Iterator[str] = answer.pieces() if answer else iter(())
        self.state = NEW
        self.generated = 0
        self.cached_tokens = 0
        """Prompt tokens that the prefix cache held when it first joined the batch."""
        self.preempted = 0
        self.epoch = 0
        """Grows when a scheduled token is called off."""
        self.arrived_at = 0.0
        self.admitted_at = 0.0
        self.first_at = 0.0
        self.last_at = 0.0

    def speak(self, answer: Answer) -> None:
        """Decides what it will say; before it is submitted."""
        self.answer = answer
        self.pieces = answer.pieces()

    @property
    def finish_reason(self) -> str:
        return self.answer.finish if self.answer else "stop"

    @property
    def held(self) -> Lease:
        """Its blocks; only while it runs. RuntimeError: it does not."""
        if self.lease is None:
            raise RuntimeError("a sequence that is not running holds no blocks")
        return self.lease

    @property
    def tokens(self) -> int:
        """Tokens that it holds in the KV cache: prompt and what it generated."""
        return self.prompt_tokens + self.generated

    def append(self, piece: str) -> None:
        """Remembers the bytes of a generated token, for the hash of its block."""
        self.tail += piece.encode()[:BYTES_PER_TOKEN].ljust(BYTES_PER_TOKEN, b"\0")
