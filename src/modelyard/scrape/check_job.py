"""Checks the health of one endpoint in one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from modelyard.fleet.endpoints import Endpoint
from modelyard.fleet.health import CheckState, HealthCheck, checked
from modelyard.scrape.client import get_request
from modelyard.scrape.connection import Reply, Target
from modelyard.scrape.jobs import Job, Shared

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer; ``/v1/models`` with a thousand adapters has 0.4 MB."""


class CheckResult(NamedTuple):
    """What one check changed."""

    came_back: bool
    """The endpoint was out, and is in again."""
    silent: bool
    """Not a byte came back."""


class CheckJob(Job):
    """One active check. ``state`` says where it stands."""

    __slots__ = ("_broken", "_changed", "_check", "_request", "_target", "state")

    def __init__(
        self, shared: Shared, endpoint: Endpoint, check: HealthCheck, *, changed: Callable[[CheckResult], None]
    ) -> None:
        """``changed`` is called after every check."""
        super().__init__(shared)
        self.state = CheckState()
        self._changed = changed
        self.use(endpoint, check)

    def use(self, endpoint: Endpoint, check: HealthCheck) -> None:
        """Check in another way from now on, since the engine became known. What kept it out counts no
        more.
        """
        if not self.state.ready:
            self.state = CheckState()
        self._check = check
        self._target = Target(endpoint.host, check.port or endpoint.port, check.tls)
        self._broken, self._request = "", b""
        try:
            self._request = get_request(check.host or endpoint.address, check.path, check.headers)
        except ValueError as error:
            self._broken = f"health check cannot be sent: {error}"

    def run(self) -> None:
        client, check = self.shared.client, self._check
        if self._broken:
            self._judge(Reply(problem=self._broken))
        elif check.kind == "tcp":
            client.connect(self._target, timeout=check.timeout, done=self._judge)
        else:
            client.get(self._target, self._request, timeout=check.timeout, limit=MAX_ANSWER, done=self._judge)

    def _judge(self, reply: Reply) -> None:
        if self.closed:
            return
        check = self._check
        self.record(verdict(check, reply), silent=reply.silent)
        self.again(min(check.period, check.retry_period) if self.state.failures else check.period)

    def record(self, problem: str, *, silent: bool = False) -> None:
        """Count a result; an empty ``problem``: passed."""
        before = self.state.ready
        self.state = checked(self.state, self._check, problem, self.shared.clock())
        self._changed(CheckResult(before is False and self.state.ready is True, silent))


def verdict(check: HealthCheck, reply: Reply) -> str:
    """Why an answer fails the check; empty: it passes."""
    if reply.problem:
        return f"health check: {reply.problem}"
    if check.kind == "tcp":
        return ""
    if not check.ok_from <= reply.status <= check.ok_to:
        return f"health check: {check.path} answers HTTP {reply.status}"
    if check.expect and check.expect not in reply.body:
        return f"health check: {check.path} does not answer {check.expect.decode(errors='replace')!r}"
    return ""
