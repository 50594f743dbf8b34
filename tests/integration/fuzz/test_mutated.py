"""100,000 random and mutated requests against the running gateway: no crash, no hang, no failure of its own making,
nothing malformed behind it, no memory kept.

``FUZZ_REQUESTS`` sets their number and ``FUZZ_SEED`` where they begin; a failure prints both, and
``FUZZ_CASE`` draws one conversation again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import Any

import pytest
from watched_gateway import until

from .campaign import Campaign
from .conftest import Fuzzed, Test
from .conversation import PROBE, read_answers, script

pytestmark = pytest.mark.integration

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
CASE = os.environ.get("FUZZ_CASE", "")
WARM_UP = 10_000
"""Requests before memory is looked at: most tables of remembered lines, heads and prefixes are full by then."""
MOST_GROWTH_KIB = 24 * 1024
"""The rest fills more slowly (measured: 10 MiB more at 100,000 requests, 18 MiB at 300,000, the same at 400,000)."""


@pytest.mark.timeout(120 + REQUESTS / 200)
def test_mutated_requests(with_gateway: Callable[[Test], None]) -> None:
    async def test(fuzzed: Fuzzed) -> None:
        gateway = fuzzed.gateway
        campaign = Campaign(gateway.place, SEED)
        if CASE:
            await campaign.converse(script(SEED, int(CASE)))
            await campaign.end()
            assert_sound(campaign, fuzzed)
            return
        before = gateway.worker()
        began = time.monotonic()
        reached = await campaign.run(0, min(WARM_UP, REQUESTS))
        warm = gateway.worker()
        await campaign.run(reached, REQUESTS - campaign.requests)
        took = time.monotonic() - began
        await campaign.end()
        after = gateway.worker()
        print(f"{campaign.requests} requests in {took:.1f} s, {campaign.requests / took:.0f}/s")
        print(f"worker: {before.rss_kib} KiB at first, {warm.rss_kib} warm, {after.rss_kib} in the end")
        print(f"statuses {sorted(campaign.statuses.items())}, connections {dict(campaign.endings)}")
        print(f"the longest wait for the end of a connection was {campaign.longest_held:.1f} s")
        assert_sound(campaign, fuzzed)
        assert campaign.statuses[200] > campaign.requests / 4, "many get through"
        assert campaign.statuses[400] > campaign.requests / 20, "many are refused"
        assert min(engine.total for engine in fuzzed.engines) > campaign.requests / 200, "every engine took part"
        assert after.pid == before.pid
        assert after.rss_kib - warm.rss_kib < MOST_GROWTH_KIB
        await assert_at_rest(fuzzed)

    with_gateway(test)


def assert_sound(campaign: Campaign, fuzzed: Fuzzed) -> None:
    faults = [*campaign.faults, *fuzzed.faults]
    assert not faults, "\n".join(faults[:5])
    printed = fuzzed.gateway.log()
    assert "Traceback" not in printed, printed[-3000:]
    assert "ERROR" not in printed, printed[-3000:]


async def assert_at_rest(fuzzed: Fuzzed) -> None:
    """A request works, every count is 0, and what was logged can be read."""
    gateway = fuzzed.gateway
    reader, writer = await asyncio.open_connection(*gateway.place)
    writer.write(PROBE)
    assert read_answers(await reader.read(), ["GET"]) == [200]
    writer.close()
    await _until(lambda: gateway.in_flight() == 0)
    await _until(lambda: gateway.metric("modelyard_open_exchanges") == 0)
    await _until(lambda: gateway.metric("modelyard_open_connections") == 0)
    assert gateway.restarts() == 0
    assert await asyncio.to_thread(gateway.log_lines)


async def _until(condition: Callable[[], Any]) -> None:
    await asyncio.to_thread(until, condition, "nothing is open")
