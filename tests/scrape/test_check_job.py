"""What passes a health check."""

from __future__ import annotations

import pytest

from modelyard.fleet.health import HealthCheck
from modelyard.scrape.check_job import verdict
from modelyard.scrape.connection import Reply

HTTP = HealthCheck(path="/h")
PROBE = HealthCheck(path="/h", ok_to=399)


@pytest.mark.parametrize(
    ("check", "reply", "problem"),
    [
        (HTTP, Reply(200), ""),
        (HTTP, Reply(204), ""),
        (HTTP, Reply(302), "/h answers HTTP 302"),
        (HTTP, Reply(503), "/h answers HTTP 503"),
        (PROBE, Reply(302), ""),
        (PROBE, Reply(400), "/h answers HTTP 400"),
        (HTTP, Reply(problem="connection refused", silent=True), "connection refused"),
        (HealthCheck(path="/h", expect=b"ok"), Reply(200, b"all ok"), ""),
        (HealthCheck(path="/h", expect=b"ok"), Reply(200, b"no"), "does not answer 'ok'"),
        (HealthCheck(kind="tcp"), Reply(), ""),
        (HealthCheck(kind="tcp"), Reply(problem="connection refused"), "connection refused"),
    ],
)
def test_verdict(check: HealthCheck, reply: Reply, problem: str) -> None:
    found = verdict(check, reply)
    assert bool(found) == bool(problem)
    assert problem in found
