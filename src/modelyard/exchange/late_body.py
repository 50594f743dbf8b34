"""A request whose endpoint was chosen before its body was seen, and which is changed by what the body says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from modelyard.bodies.facts import BodyError
from modelyard.exchange.commands import Picked, Respond, Wait
from modelyard.exchange.shown_request import ShownRequest
from modelyard.exchange.trusted_headers import DESTINATION
from modelyard.picking.contract import Decision

if TYPE_CHECKING:
    from modelyard.exchange.backend_state import BackendState
    from modelyard.fleet.endpoints import Endpoint


class LateBody(ShownRequest, eq=False, kw_only=True):
    """The part of ``PickedRequest`` that chooses again."""

    targets: Sequence[Endpoint] = ()
    """As answered."""

    def on_late_body(self, body: bytes, now: float) -> Picked | Respond | Wait:
        """The body came whole after the choice was made without it, and before that was answered: choose again.
        Admission is not asked twice."""
        state = self.state
        assert state is not None
        return self._read_late(state, body, now) or self._attempt(state, now)

    def on_shown_body(self, body: bytes, now: float) -> Picked | Respond | Wait:
        """The same after the choice was answered. It holds where its endpoint suits the body, since the request may be
        on its way there, and nobody may be told two endpoints (Endpoint Picker Protocol): then none is named again."""
        state, first, address = self.state, self.targets, self._in_flight_at
        assert state is not None
        refused = self._read_late(state, body, now)
        if refused is not None:
            return refused
        suited = self._suited(state, first)
        if not suited or suited[0].address != address:
            return self._attempt(state, now)
        return self._go_on(state, suited, told=len(suited) == len(first))

    def _read_late(self, state: BackendState, body: bytes, now: float) -> Respond | Wait | None:
        """Take back the choice that was made, and read ``body``; None: choose."""
        self._take_back(state)
        self.engine_model = ""
        self.record.attempts = 0
        self.body = body
        try:
            self.facts = self._read(body)
        except BodyError as error:
            return self._bad_body(error)
        self._note_facts()
        refused = self._name_models(state, now)
        self._pick = self._pick_request()  # a wait for an adapter goes on with it
        return refused

    def _suited(self, state: BackendState, endpoints: Sequence[Endpoint]) -> list[Endpoint]:
        """Those of ``endpoints`` that have the model and are in the subset."""
        allowed = self._allowed(state)
        return [item for item in endpoints if allowed is None or item.address in allowed]

    def _go_on(self, state: BackendState, endpoints: Sequence[Endpoint], *, told: bool) -> Picked | Respond:
        """Stay with the first of ``endpoints``. ``told``: the proxy knows of them all."""
        address = endpoints[0].address
        name = self._name_at(state, address)
        if name != self.facts.model:
            refused = self._ask_for(name)
            if refused is not None:
                return refused
        assert self._pick is not None
        self._count_at(state, address, self._pick)
        self.record.attempts = 1
        picked = self._go(Decision(endpoints))
        if told and isinstance(picked, Picked) and len(self.targets) == len(endpoints):
            picked.targets = ""
            picked.set_headers = [field for field in picked.set_headers if field[0] != DESTINATION]
        return picked

    def late_name(self, beginning: bytes) -> str | None:
        """The name that a body must ask the chosen endpoint for, of which ``beginning`` came after the choice was made
        without it; None: it stays as it is."""
        if self.renames or self.facts.model is not None:
            return self.engine_model or None
        self.facts = self._scanned(beginning)
        model, state = self.facts.model, self.state
        if model is None or state is None:
            return None
        self._note_facts()
        self.target_model = self.record.target_model = self._target(state, model)
        name = self._name_at(state, self._in_flight_at)
        if name == model:
            return None
        self.engine_model = self.record.target_model = name
        return name
