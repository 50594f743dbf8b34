"""One proxy under test."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from benchmarks import processes


class Peer(ABC):
    """Started once per set of endpoints; ``processes`` then tells whose CPU time counts."""

    name: ClassVar[str]
    start_limit: ClassVar[float] = 30.0
    """Seconds until it must answer."""

    def __init__(self, folder: Path, endpoints: Sequence[str], cores: processes.Cores) -> None:
        self.folder = folder
        self.endpoints = endpoints
        self.cores = cores
        self.process: subprocess.Popen[bytes] | None = None
        self.target = ""
        """``host:port`` that clients use."""

    @abstractmethod
    def start(self) -> None:
        """Start it; ``target`` is known afterwards, whether it answers yet or not."""

    def data_plane(self) -> list[int]:
        """Ids of the processes that requests pass through."""
        return [self.process.pid, *processes.descendants(self.process.pid)] if self.process else []

    def parts(self) -> Mapping[str, list[int]]:
        """Ids of the data plane's processes by what they are, where they are of several kinds."""
        return {}

    def beside(self) -> Mapping[str, int]:
        """Further processes, by what they are for; counted apart."""
        return {}

    def stop(self) -> None:
        if self.process is not None:
            processes.stop(self.process)

    def failure(self) -> str:
        """What a peer that does not answer said last."""
        log = self.log
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"
