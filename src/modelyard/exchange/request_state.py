"""What is kept of one request for a model while it is served, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from modelyard.bodies.answers import AnswerObserver
from modelyard.bodies.facts import BodyError, RequestFacts
from modelyard.bodies.model_rewrite import rewrite_model
from modelyard.exchange import refusals
from modelyard.exchange.body_reading import NO_FACTS
from modelyard.exchange.commands import Respond, Wait
from modelyard.exchange.record import ExchangeRecord
from modelyard.picking.contract import PickRequest, Why

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState
    from modelyard.exchange.gateway import Gateway
    from modelyard.fleet.endpoints import Endpoint
    from modelyard.http1.message_heads import Headers, RequestHead

Go = TypeVar("Go")
"""The shell's command that carries a decision out."""


class RequestState(msgspec.Struct, Generic[Go], eq=False):
    """What every shell's request has in common. Nothing here waits. A Struct because one is made per request: its many
    fields are set in C."""

    _gateway: Gateway
    head: RequestHead
    path: str
    record: ExchangeRecord
    _explain: bool = False
    resume: Callable[[Go | Respond], None] | None = None
    changes_length: bool = False
    deadline: float = 0.0
    """Monotonic end of the whole exchange (request timeout); 0: none."""
    holds_head: bool = False
    facts: RequestFacts = NO_FACTS
    state: BackendState | None = None
    target_model: str = ""
    priority: int = 0
    why: Why | None = None
    wants_scores: bool = False
    """``why`` is to be known of a request that is served: every candidate is scored for it."""
    body: bytes | None = None
    engine_model: str = ""
    """The model's name in the body that goes to the endpoint, where it is not the client's."""
    _client_body: bytes | None = None
    """The body as it came, while ``body`` names another model."""
    _endpoint: Endpoint | None = None
    _ended: bool = False
    _in_flight_at: str = ""
    """Address of the endpoint where the request is counted; empty: none."""
    _in_flight_tokens: int = 0
    """Prompt tokens that are counted there."""
    _load_ticket: int = 0
    _new_blocks: int = 0
    """Blocks of the prompt that the picked endpoint was not known to hold."""
    _observer: AnswerObserver | None = None
    _pick: PickRequest | None = None
    _queued_at: float = 0.0
    _streams_events: bool = False
    _ticket: int = 0
    _tried: list[str] = msgspec.field(default_factory=list)
    _count: int = 1
    """Endpoints of a decision that will be looked at."""
    _within: frozenset[str] | None = None
    """The only addresses that may be picked; None: all of the backend's."""

    @property
    def renames(self) -> bool:
        """The engine is asked for another model name than the client's, which its answer must show again."""
        return self.engine_model != ""

    def _note_facts(self) -> None:
        self.record.model = self.facts.model or ""
        self.record.stream = self.facts.stream

    def _ask_for(self, name: str) -> Respond | None:
        """Name the model as the picked endpoint calls it; None: go on."""
        if self.facts.model is None:
            return None
        self.engine_model = self.record.target_model = name
        body = self.body
        if body is not None:
            self._client_body = body
            try:
                self.body = rewrite_model(body, self.facts, name)
            except BodyError as error:
                return self._bad_body(error)
        return None

    def _restore_body(self) -> None:
        """Another attempt starts from the body as the client sent it."""
        if self._client_body is not None:
            self.body, self._client_body = self._client_body, None
        self.engine_model = ""

    def _bad_body(self, error: BodyError) -> Respond:
        return self._refuse(error.status, error.message, error.code, param=error.param)

    def _shed(self, reason: str, retry_after: int) -> Respond:
        return self._refuse(
            429,
            f"{self.record.backend} is busy ({reason}): try again in {retry_after} s.",
            "saturated",
            headers=[("retry-after", str(retry_after)), ("x-llm-d-request-dropped-reason", reason)],
        )

    def _leave_queue(self, now: float) -> None:
        self.record.queued += now - self._queued_at
        self._queued_at = 0.0

    def _resume(self, command: Go | Respond | Wait) -> None:
        """The wait is over, unless another one follows it."""
        if self.resume is not None and not isinstance(command, Wait):
            self.resume(command)

    def _refuse(
        self,
        status: int,
        message: str,
        code: str,
        *,
        param: str | None = None,
        headers: Headers | None = None,
    ) -> Respond:
        self.record.status = status
        self.record.reason = code
        dialect = self.facts.dialect or ("anthropic-messages" if self.head.path.startswith("/v1/messages") else "")
        return refusals.refuse(status, message, code=code, param=param, headers=headers, dialect=dialect)
