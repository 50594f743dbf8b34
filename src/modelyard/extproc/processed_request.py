"""What the request's direction of an ext_proc stream asks of the one who decides: the picker's exchange, or the
router's reading of the body."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from modelyard.exchange.commands import Respond, Wait
from modelyard.exchange.picked_request import Picked
from modelyard.exchange.record import ExchangeRecord

Command = Picked | Respond | Wait


class ProcessedRequest(Protocol):
    """One request; ``exchange.picked_request.PickedRequest`` says what the calls mean."""

    record: ExchangeRecord
    resume: Callable[[Picked | Respond], None] | None

    @property
    def renames(self) -> bool: ...
    @property
    def answer_began(self) -> bool: ...
    @property
    def longest_wait(self) -> float: ...
    def on_request(self, body: bytes | None, now: float) -> Command: ...
    def on_partial(self, beginning: bytes, now: float) -> Command: ...
    def on_late_body(self, body: bytes, now: float) -> Command: ...
    def late_name(self, beginning: bytes) -> str | None: ...
    def too_large(self, limit: int) -> Respond: ...
    def overloaded(self) -> Respond: ...
    def drop_body(self) -> None: ...
