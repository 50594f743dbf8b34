from __future__ import annotations

import asyncio

import pytest

from modelyard.control.draining import has_open_requests, until_drained
from modelyard.local.status import LocalPod


def pod(ip: str, port: int) -> LocalPod:
    return LocalPod(name="m-0", namespace="default", labels={}, ip=ip, ports={8000: port}, ready=False)


@pytest.mark.parametrize(
    ("ip", "port", "used", "found"),
    [
        ("127.8.1.1", 8000, ["127.8.1.1:8000"], True),
        ("127.8.1.1", 8000, ["127.8.1.11:8000", "127.8.1.2:8000"], False),
        ("127.0.0.1", 9001, ["127.0.0.1:9001"], True),
        ("127.0.0.1", 9001, ["127.0.0.1:9002"], False),
        ("127.8.1.1", 8000, [], False),
    ],
)
def test_requests_are_told_apart_by_address_or_where_all_share_one_by_port(
    ip: str, port: int, used: list[str], found: bool
) -> None:
    assert has_open_requests([used, []], pod(ip, port)) is found


def test_it_waits_until_all_know_and_the_last_request_is_over() -> None:
    class Workers:
        def __init__(self) -> None:
            self.told: list[str] = []

        async def everyone_knows(self) -> None:
            self.told.append("known")

        def in_flight(self) -> dict[str, dict[str, int]]:
            over = self.told.count("stats") == 2
            return {"default/m": {} if over else {"127.8.1.1:8000": 1}}

        async def next_stats(self) -> None:
            self.told.append("stats")

    workers = Workers()
    asyncio.run(until_drained(workers, pod("127.8.1.1", 8000)))  # type: ignore[arg-type]
    assert workers.told == ["known", "stats", "stats"]
