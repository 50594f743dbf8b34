"""Many conversations at once against a running gateway, and what came of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections import Counter

from .conversation import Answers, NoAnswer, Script, read_answers, script

AT_ONCE = 200
ANSWERED_WITHIN = 30.0
"""Seconds in which a conversation without mutations is answered, however busy the machine is."""
ENDED_WITHIN = 45.0
"""Seconds in which the gateway ends a connection whose first request never comes whole. (One that waits for its next
request may stay longer.)"""
WATCHED = 150
"""Conversations in which the gateway waits for more that are held open for so long."""


class Campaign:
    """Runs conversations ``first`` to ``last`` of ``seed``."""

    def __init__(self, place: tuple[str, int], seed: int) -> None:
        """``place``: where the gateway listens."""
        self._place = place
        self._seed = seed
        self.requests = 0
        self.statuses: Counter[int] = Counter()
        self.endings: Counter[str] = Counter()
        self.faults: list[str] = []
        """What went wrong, with the number that draws the conversation again."""
        self.longest_held = 0.0
        """Seconds until the last of the connections that were held open was ended."""
        self._held: list[asyncio.Task[None]] = []

    async def run(self, first: int, requests: int) -> int:
        """Converse until so many requests were sent; the number after the last conversation's."""
        numbers = itertools.count(first)
        wanted = self.requests + requests
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(self._work(numbers, wanted))
        return next(numbers)

    async def end(self) -> None:
        """Wait for the connections that the gateway has to end."""
        await asyncio.gather(*self._held)

    async def _work(self, numbers: itertools.count[int], wanted: int) -> None:
        while self.requests < wanted and len(self.faults) < 20:
            drawn = script(self._seed, next(numbers))
            self.requests += drawn.requests
            await self.converse(drawn)

    async def converse(self, drawn: Script) -> None:
        loop = asyncio.get_running_loop()
        _, answers = await loop.create_connection(lambda: Answers(loop), *self._place)
        at = 0
        for cut in [*drawn.cuts, len(drawn.data)]:
            if cut > at and not answers.closed:
                answers.transport.write(drawn.data[at:cut])
                await asyncio.sleep(0)
                at = cut
        if drawn.ending == "closed":
            answers.transport.close()
        elif drawn.ending == "reset":
            answers.reset()
        elif drawn.expected is None:
            answers.watch()
        await self._until_over(drawn, answers)
        self._judge(drawn, answers)
        if answers.closed:
            self.endings["closed"] += 1
        elif len(self._held) < WATCHED:
            self.endings["held"] += 1
            self._held.append(loop.create_task(self._hold(drawn, answers)))
        else:
            self.endings["waiting"] += 1
            answers.reset()

    async def _until_over(self, drawn: Script, answers: Answers) -> None:
        try:
            async with asyncio.timeout(ANSWERED_WITHIN):
                await answers.over
        except TimeoutError:
            self._fault(drawn, answers, "no answer")

    async def _hold(self, drawn: Script, answers: Answers) -> None:
        """The gateway ends the connection by itself."""
        began = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDED_WITHIN):
                await answers.gone.wait()
        self.longest_held = max(self.longest_held, time.monotonic() - began)
        if not answers.closed:
            if not answers.data:
                self._fault(drawn, answers, "never ended")
            answers.reset()
        self._judge(drawn, answers)

    def _judge(self, drawn: Script, answers: Answers) -> None:
        expected = drawn.expected
        try:
            statuses = read_answers(answers.data, [method for method, _ in expected] if expected else None)
        except (NoAnswer, ValueError) as fault:
            self._fault(drawn, answers, f"not HTTP ({fault!r})")
            return
        self.statuses.update(statuses)
        if any(status >= 500 for status in statuses):
            self._fault(drawn, answers, "the gateway's own failure")
        if expected is not None and statuses != [status for _, status in expected]:
            self._fault(drawn, answers, f"expected {expected}, got {statuses}")

    def _fault(self, drawn: Script, answers: Answers, what: str) -> None:
        self.faults.append(
            f"seed {self._seed} case {drawn.case}: {what}\n  sent {drawn.data[:1500]!r}\n  cuts {drawn.cuts}"
            f" ending {drawn.ending}\n  got {answers.data[:1500]!r}"
        )
