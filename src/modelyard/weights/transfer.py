"""Brings one file: from where a kill left it, over interruptions, checked in the end."""

from __future__ import annotations

import os
from pathlib import Path

from modelyard.weights.checksums import Digester
from modelyard.weights.durable import move
from modelyard.weights.errors import Interruption, WeightsError
from modelyard.weights.limits import FetchLimits
from modelyard.weights.meter import Meter
from modelyard.weights.store import RemoteFile, Store

_BLOCK = 4 << 20
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 60.0


class Stopped(Exception):
    """The fetch is to end; what is here stays."""


class Transfer:
    """One file on its way from a store to ``part``, then to ``whole``."""

    def __init__(
        self, store: Store, file: RemoteFile, part: Path, whole: Path, limits: FetchLimits, meter: Meter
    ) -> None:
        self._store, self._file, self._limits, self._meter = store, file, limits, meter
        self._part, self._whole = part, whole
        self._digester = Digester(file.size, file.checksum)
        self._here = 0

    def run(self) -> str:
        """Return the SHA-256 of the whole file. Raises :class:`WeightsError`, OSError of the disk, :class:`Stopped`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self._part, flags, 0o644)
        try:
            resumed = self._read_what_is_here(descriptor)
            self._fetch_rest(descriptor)
            if resumed and not self._is_right():  # a power cut may leave a tail that was never written
                self._start_anew(descriptor)
                self._fetch_rest(descriptor)
            self._check(descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        move(self._part, self._whole)
        return self._digester.sha256

    def _read_what_is_here(self, descriptor: int) -> bool:
        """Bytes of an earlier run count, after they have gone through the digest; whether there were any."""
        size = os.fstat(descriptor).st_size
        if size > self._file.size:
            os.ftruncate(descriptor, self._file.size)
        while block := os.pread(descriptor, _BLOCK, self._here):
            self._go_on()
            self._digester.update(block)
            self._here += len(block)
        return self._here > 0

    def _fetch_rest(self, descriptor: int) -> None:
        failed = 0
        while self._here < self._file.size:
            before = self._here
            try:
                self._fetch_some(descriptor)
            except Interruption as problem:
                failed = 0 if self._here > before else failed + 1
                self._wait(failed, problem)

    def _fetch_some(self, descriptor: int) -> None:
        for block in self._store.read(self._file, self._here):
            self._go_on()
            room = self._file.size - self._here
            if len(block) > room:
                raise WeightsError(f"{self._file.name} is longer than its source says; it has changed: fetch again")
            _write_all(descriptor, block, self._here)
            self._digester.update(block)
            self._here += len(block)
            self._meter.add(len(block))
        if self._here < self._file.size:
            raise Interruption(f"{self._file.name} ended after {self._here} of {self._file.size} bytes")

    def _wait(self, failed: int, problem: Interruption) -> None:
        if failed >= self._limits.attempts:
            raise WeightsError(
                f"{self._file.name} could not be fetched: {problem}; fetch again: it goes on from what has come"
            )
        self._meter.note = str(problem)
        pause = max(_FIRST_PAUSE * 2 ** max(0, failed - 1), problem.after)
        if not self._meter.pause(min(pause, _LONGEST_PAUSE)):
            raise Stopped

    def _check(self, descriptor: int) -> None:
        if self._is_right():
            return
        self._start_anew(descriptor)
        raise WeightsError(
            f"{self._file.name} came with other bytes than its source says (checksum) and was thrown away; fetch "
            "again, and if it happens again the source itself is damaged"
        )

    def _is_right(self) -> bool:
        return self._digester.fits or not self._store.vouches(self._file)

    def _start_anew(self, descriptor: int) -> None:
        os.ftruncate(descriptor, 0)
        self._meter.add(-self._here)
        self._here = 0
        self._digester = Digester(self._file.size, self._file.checksum)

    def _go_on(self) -> None:
        if self._meter.stopped:
            raise Stopped


def _write_all(descriptor: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, offset)
        view, offset = view[written:], offset + written
