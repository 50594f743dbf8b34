"""A request for an adapter that no endpoint has yet: it waits, within bounds, until one has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.exchange.commands import Respond, Wait
from modelyard.exchange.request_state import Go, RequestState

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState

LOAD_RETRY_AFTER = 5
"""Seconds after which a client may ask again for an adapter that is being loaded; loading one takes about as long."""


class AdapterWait(RequestState[Go], eq=False):
    """What happens to a request where its model is not served, or turns out not to be."""

    def _admit(self, state: BackendState, now: float) -> Respond | Go | Wait:
        raise NotImplementedError

    def _attempt(self, state: BackendState, now: float) -> Go | Respond | Wait:
        raise NotImplementedError

    def _not_served(self, state: BackendState, model: str, target: str, now: float) -> Respond | Wait:
        """No endpoint that is ready serves the model."""
        if target in state.loading:
            return self._await_load(state, now)
        if state.targets.defines(model):
            what = f"Model {model!r}" if model == target else f"Model {model!r} stands for {target!r}, which"
            return self._refuse(
                503,
                f"{what} is loaded by no ready endpoint of {state.label}.",
                "model_not_loaded",
                param="model",
            )
        return self._no_model(model)

    def _no_model(self, model: str) -> Respond:
        return self._refuse(
            404,
            f"The model {model!r} does not exist here. GET /v1/models lists what there is.",
            "model_not_found",
            param="model",
        )

    def _await_load(self, state: BackendState, now: float) -> Respond | Wait:
        """Wait until an endpoint has the adapter."""
        limit = self._gateway.settings.adapter_wait
        if self._explain:
            return Wait(0)
        if limit <= 0:
            return self._not_loaded()
        ticket = state.load_waits.add(self.target_model, len(self.body or b""), now + limit)
        if ticket is None:
            return self._shed("rejected-saturated", state.admission.retry_after())
        self._queued_at = now
        self._load_ticket = ticket
        state.waiting_for_load[ticket] = self
        return Wait(ticket, self.deadline)

    def on_load_known(self, now: float) -> None:
        """The adapter is loaded somewhere, or is not to be loaded any more; called by the Gateway."""
        state = self.state
        assert state is not None
        self._leave_load_wait(now)
        target, only = self.target_model, state.only_models
        if (target in state.loading) if only is None else (target not in only):
            command: Go | Respond | Wait = self._not_served(state, self.record.model, target, now)
        elif self._pick is None:
            command = self._admit(state, now)
        else:
            self._tried.clear()
            command = self._attempt(state, now)
        self._resume(command)

    def on_load_overdue(self, now: float) -> None:
        """The request waited as long as it may; called by the Gateway."""
        self._leave_load_wait(now)
        self._resume(self._not_loaded())

    def _leave_load_wait(self, now: float) -> None:
        self.record.load_wait += now - self._queued_at
        self._load_ticket = 0
        self._leave_queue(now)

    def _not_loaded(self) -> Respond:
        return self._refuse(
            503,
            f"The adapter {self.facts.model!r} is not loaded on any endpoint of {self.record.backend} yet: "
            f"try again in {LOAD_RETRY_AFTER} s.",
            "model_not_loaded",
            param="model",
            headers=[("retry-after", str(LOAD_RETRY_AFTER))],
        )

    def lacks_model(self, status: int) -> bool:
        """Whether an answer with this status says that the endpoint does not have the adapter that it was thought to
        have (its engine was restarted); as long as another attempt may be made."""
        state = self.state
        return (
            status == 404
            and state is not None
            and self.target_model in state.adapters
            and self.record.attempts < self._gateway.settings.attempts
        )

    def _without_adapter(self, state: BackendState, address: str, now: float) -> Go | Respond | Wait:
        """The endpoint at ``address`` does not have the adapter: another one, the same one where it has another version
        by now, or wait until it is loaded again."""
        self._gateway.model_missing(state, address, self.engine_model or self.target_model, now)
        self._restore_body()
        target, only = self.target_model, state.only_models
        if target in state.loading:
            return self._await_load(state, now)
        if only is not None and target not in only:
            return self._not_loaded()
        return self._attempt(state, now)
