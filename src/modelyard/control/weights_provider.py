"""Weights for everything that runs here: one fetch of each source, however many wait for it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from modelyard.control.daemon_thread import in_daemon_thread
from modelyard.local.home import Home
from modelyard.local.weights_provider import WeightsMissing
from modelyard.resources.weights_source import WeightsSource, parse_source
from modelyard.weights.disk import link_to_nowhere
from modelyard.weights.fetching import ADAPTER_LIMITS, MODEL_LIMITS, FetchedWeights, Progress, WeightsError, fetch
from modelyard.weights.prefetch import read_ahead

log = logging.getLogger(__name__)

for _client in ("gcsfs", "s3fs", "fsspec", "botocore", "aiobotocore", "huggingface_hub"):
    # They log, with a traceback, what they raise as well; people are told once, in the fetch's own words.
    logging.getLogger(_client).setLevel(logging.CRITICAL)

_GENERAL_ADVICE = re.compile(r"; check the network, or name files.*$")
"""What a fetch advises where it does not know the model's name in a manifest; whoever asks here says the very flag."""
ROOT_VARIABLE = "MODELYARD_WEIGHTS"
"""Another folder for all weights, shared by several homes."""


def weights_root(home: Home) -> Path:
    """Where fetched weights lie."""
    named = os.environ.get(ROOT_VARIABLE, "")
    return Path(named).expanduser().absolute() if named else home.root / "weights"


class _StoppedError(Exception):
    """Nobody waits any more."""


@dataclass(slots=True)
class _Fetch:
    """One fetch under way, and who listens."""

    listeners: dict[int, Callable[[str], None]] = field(default_factory=dict)
    stopped: bool = False
    line: str = ""
    task: asyncio.Task[FetchedWeights] | None = None


class FetchingProvider:
    """Implements ``local.weights_provider.WeightsProvider`` with ``weights.fetching``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._fetches: dict[tuple[str, bool], _Fetch] = {}
        self._number = 0

    def path_of(self, source: str) -> Path:
        """Below the root; a path is where it is."""
        found = parse_source(source)
        return Path(found.name).absolute() if found.kind == "path" else self._root / found.folder

    async def provide(
        self, source: str, say: Callable[[str], None], *, adapter: bool = False, token: str | None = None
    ) -> Path:
        """The folder of ``source``, whole and verified. Raises WeightsMissing."""
        return (await self.fetched(source, say, adapter=adapter, token=token)).path

    async def fetched(
        self, source: str, say: Callable[[str], None], *, adapter: bool = False, token: str | None = None
    ) -> FetchedWeights:
        """As ``provide``, with revision and digest. Raises WeightsMissing."""
        found = parse_source(source)
        if found.kind == "path":
            await asyncio.to_thread(_require_folder, Path(found.name))
        key = (str(found), adapter)
        under_way = self._fetches.get(key)
        if under_way is None or under_way.stopped:
            under_way = self._fetches[key] = _Fetch()
            under_way.task = asyncio.create_task(self._run(found, adapter, token, under_way), name=f"fetch {found}")
            under_way.task.add_done_callback(_seen)
        self._number += 1
        number = self._number
        under_way.listeners[number] = say
        if under_way.line:
            say(under_way.line)
        assert under_way.task is not None
        try:
            return await asyncio.shield(under_way.task)
        except WeightsError as error:
            raise WeightsMissing(_GENERAL_ADVICE.sub("", str(error))) from error
        finally:
            del under_way.listeners[number]
            if not under_way.listeners:
                under_way.stopped = True
                if self._fetches.get(key) is under_way:
                    del self._fetches[key]

    async def _run(self, source: WeightsSource, adapter: bool, token: str | None, state: _Fetch) -> FetchedWeights:
        loop = asyncio.get_running_loop()

        def progress(moment: Progress) -> None:
            if state.stopped or loop.is_closed():
                raise _StoppedError
            loop.call_soon_threadsafe(_tell, state, moment)

        limits = ADAPTER_LIMITS if adapter else MODEL_LIMITS
        try:
            work = partial(fetch, source, self._root, token=token, progress=progress, limits=limits)
            found = await in_daemon_thread(work, f"fetch {source}")
        except _StoppedError:
            raise WeightsError(f"the fetch of {source} was stopped") from None
        if found.note:
            log.warning("%s is %s", source, found.note)
        return found

    async def prefetch(self, folder: Path, say: Callable[[str], None]) -> None:
        """Read the safetensors files of ``folder`` ahead into memory; what goes wrong is only logged."""
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def said(done: int, total: int) -> None:
            if stopped.is_set() or loop.is_closed():
                raise _StoppedError
            loop.call_soon_threadsafe(say, f"reads {folder.name} ahead: {done / 1e6:.0f} of {total / 1e6:.0f} MB")

        try:
            read = await in_daemon_thread(partial(read_ahead, folder, said=said), f"read {folder.name} ahead")
            log.info("read %s ahead: %.1f MB in %.2f s", folder.name, read.size / 1e6, read.seconds)
        except asyncio.CancelledError:
            stopped.set()
            raise
        except (WeightsError, OSError) as problem:
            log.warning("%s is not read ahead: %s", folder.name, problem)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise WeightsMissing(link_to_nowhere(folder.absolute(), "") or f"{folder} is not there")


def _seen(task: asyncio.Task[FetchedWeights]) -> None:
    """A failure that nobody waits for any more is no news."""
    if not task.cancelled():
        task.exception()


def _tell(state: _Fetch, moment: Progress) -> None:
    line = str(moment)
    if moment.phase == "waiting" and line != state.line:
        log.info("%s", line)
    state.line = line
    for say in list(state.listeners.values()):
        say(line)
