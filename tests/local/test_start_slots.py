from __future__ import annotations

import asyncio

from modelyard.local.start_slots import StartSlots


def test_a_turn_that_is_over_lets_the_next_one_in_before_its_context_ends() -> None:
    said: list[str] = []

    async def run() -> None:
        slots = StartSlots(1)
        async with slots.turn(said.append) as first:
            turns = [slots.turn(said.append), slots.turn(said.append)]
            waiting = asyncio.create_task(turns[0].__aenter__())
            await asyncio.sleep(0)
            assert not waiting.done()
            first.over()
            first.over()
            second = await waiting
            third = asyncio.create_task(turns[1].__aenter__())
            await asyncio.sleep(0)
            assert not third.done()
            second.over()
            await third

    asyncio.run(asyncio.wait_for(run(), 10))
    assert said == ["its turn to load (1 engines load at a time)"] * 2


def test_a_cancelled_waiter_takes_no_slot() -> None:
    async def run() -> None:
        slots = StartSlots(1)
        async with slots.turn(lambda text: None):
            waiting = asyncio.create_task(slots.turn(lambda text: None).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait({waiting})
        async with slots.turn(lambda text: None):
            pass

    asyncio.run(asyncio.wait_for(run(), 10))
