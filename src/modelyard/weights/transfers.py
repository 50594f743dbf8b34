"""Brings all files of a source, several at a time, and says how far that is."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from modelyard.weights.disk import check_room, check_still_room
from modelyard.weights.durable import move
from modelyard.weights.limits import FetchLimits
from modelyard.weights.meter import Meter
from modelyard.weights.progress import Progress, Rate
from modelyard.weights.store import RemoteFile, Store
from modelyard.weights.transfer import Stopped, Transfer
from modelyard.weights.workspace import Workspace

_TICK = 0.25
"""Seconds between two reports."""


def transfer_all(
    store: Store, workspace: Workspace, source: str, limits: FetchLimits, say: Callable[[Progress], None]
) -> None:
    """Bring every file of the workspace's journal that is not there yet; the largest first, so that none is alone at
    the end. Raises WeightsError, OSError of the disk, and what ``say`` raises."""
    todo = [file for file in workspace.journal.files if not workspace.is_checked(file)]
    here = sum(workspace.here(file) for file in workspace.journal.files)
    total = sum(file.size for file in workspace.journal.files)
    check_room(workspace.place, total - here, limits.keep_free, source)
    todo.sort(key=lambda file: file.size, reverse=True)
    report = _Report(workspace, source, Meter(here), say)
    pool = ThreadPoolExecutor(limits.parallel, thread_name_prefix="fetch")
    try:
        running = {pool.submit(_transfer, store, workspace, file, limits, report.meter): file for file in todo}
        _watch(running, workspace, limits, report)
    finally:
        report.meter.stop()
        pool.shutdown(cancel_futures=True)


def _watch(running: dict[Future[str], RemoteFile], workspace: Workspace, limits: FetchLimits, report: _Report) -> None:
    waiting = set(running)
    while waiting:
        done, waiting = wait(waiting, timeout=_TICK, return_when=FIRST_EXCEPTION)
        for future in sorted(done, key=lambda future: isinstance(future.exception(), Stopped)):
            workspace.remember(running[future].name, future.result())
        if waiting:
            check_still_room(workspace.place, limits.keep_free, report.source)
        report.say()


def _transfer(store: Store, workspace: Workspace, file: RemoteFile, limits: FetchLimits, meter: Meter) -> str:
    part, whole = workspace.part(file.name), workspace.whole(file.name)
    if whole.exists():  # whole when we were killed, but not yet remembered as checked
        move(whole, part)
    meter.begin(file.name)
    try:
        return Transfer(store, file, part, whole, limits, meter).run()
    finally:
        meter.end(file.name)


class _Report:
    """Turns the meter's figures into progress."""

    def __init__(self, workspace: Workspace, source: str, meter: Meter, say: Callable[[Progress], None]) -> None:
        self.source, self.meter = source, meter
        self._workspace, self._say = workspace, say
        self._rate = Rate()
        self._total = sum(file.size for file in workspace.journal.files)

    def say(self) -> None:
        self._rate.add(time.monotonic(), self.meter.done)
        journal = self._workspace.journal
        self._say(
            Progress(
                phase="fetching",
                source=self.source,
                done=self.meter.done,
                total=self._total,
                files_done=len(journal.checked),
                files=len(journal.files),
                rate=self._rate.value,
                seconds_left=self._rate.seconds_left(self._total - self.meter.done),
                file=self.meter.file,
                note=self.meter.note,
            )
        )
