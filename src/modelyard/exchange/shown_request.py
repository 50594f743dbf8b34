"""A request that another gateway carries, as far as that one shows it."""

from __future__ import annotations

from modelyard.bodies.facts import RequestFacts
from modelyard.exchange.body_reading import NO_FACTS
from modelyard.exchange.commands import Picked
from modelyard.exchange.model_request import ModelRequest
from modelyard.exchange.shown_bodies import facts_of, named_in_beginning, named_in_head


class ShownRequest(ModelRequest[Picked], eq=False, kw_only=True):
    """What the pool's config lets be read of it, whether it comes before a choice or after one."""

    def _read(self, body: bytes) -> RequestFacts:
        """Of a whole body. Raises BodyError."""
        return facts_of(self.head, body) if self._reads_bodies else NO_FACTS

    def _scanned(self, beginning: bytes) -> RequestFacts:
        """Of a body of which no more than ``beginning`` is shown."""
        return (named_in_beginning(beginning) if self._reads_bodies else None) or named_in_head(self.head)

    @property
    def _reads_bodies(self) -> bool:
        assert self.state is not None
        return self.state.config.reads_bodies
