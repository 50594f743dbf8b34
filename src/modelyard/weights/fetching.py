"""Bringing weights here."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from modelyard.resources.weights_source import WeightsSource
from modelyard.weights.disk import filled, is_full, link_to_nowhere
from modelyard.weights.errors import Interruption, NotEnoughSpace, Unreachable, WeightsError
from modelyard.weights.fetch_lock import only_fetcher
from modelyard.weights.fetched import FetchedWeights
from modelyard.weights.folder_in_place import check_folder
from modelyard.weights.limits import ADAPTER_LIMITS, MODEL_LIMITS, FetchLimits
from modelyard.weights.progress import Progress
from modelyard.weights.published import Manifest, has_all, read_manifest
from modelyard.weights.selection import select
from modelyard.weights.store import Listing, RemoteFile, Store
from modelyard.weights.stores import open_store
from modelyard.weights.transfers import transfer_all
from modelyard.weights.workspace import Workspace, lock_of

__all__ = [
    "ADAPTER_LIMITS",
    "MODEL_LIMITS",
    "FetchLimits",
    "FetchedWeights",
    "NotEnoughSpace",
    "Progress",
    "WeightsError",
    "fetch",
]

_LISTING_ATTEMPTS = 3
"""A source that cannot be asked is reported within seconds."""
_LISTING_PAUSE = 0.5


def _silent(progress: Progress) -> None:
    """Says nothing."""


def fetch(
    source: WeightsSource,
    root: Path,
    *,
    token: str | None = None,
    progress: Callable[[Progress], None] = _silent,
    limits: FetchLimits = MODEL_LIMITS,
    update: bool = False,
) -> FetchedWeights:
    """The weights, in ``root / source.folder``, whole and verified; a path is checked and used where it is.

    Blocks, for hours where the model is large. Weights that are there already are taken as they are, without asking
    anybody, unless ``update``: then the source is asked for its current revision. Two processes that want the same
    weights fetch them once; a killed one is resumed by the next.

    ``token``: for the hub; None: ``HF_TOKEN`` or the hub's own login. ``progress`` is called in the calling thread, a
    few times a second; what it raises ends the fetch (what is there so far is kept) and comes out here.

    Raises :class:`WeightsError`.
    """
    if source.kind == "path":
        return check_folder(source.name, limits)
    try:
        return _Fetch(source, root.expanduser().absolute(), token, progress, limits, update).run()
    except OSError as problem:
        if is_full(problem):
            raise filled(root, str(source)) from problem
        unmounted = link_to_nowhere(root.expanduser().absolute())
        if unmounted:
            raise WeightsError(unmounted) from problem
        where = problem.filename or root
        raise WeightsError(f"{where}: {problem.strerror or problem}; weights are kept in {root}") from problem


class _Fetch:
    """One call of :func:`fetch`."""

    def __init__(
        self,
        source: WeightsSource,
        root: Path,
        token: str | None,
        say: Callable[[Progress], None],
        limits: FetchLimits,
        update: bool,
    ) -> None:
        self._source, self._root, self._token = source, root, token
        self._say, self._limits = say, limits
        self._text = str(source)
        self._published = root / source.folder
        self._note = ""
        self._ask_again = update or source.kind == "demo"  # the package is at hand, and may be another version's

    def run(self) -> FetchedWeights:
        found = None if self._ask_again else self._found()
        if found is not None:
            return self._fetched(found)
        self._root.mkdir(parents=True, exist_ok=True)
        with only_fetcher(lock_of(self._root, self._source.folder), self._limits.wait, self._say_who):
            return self._fetched(self._locked())

    def _locked(self) -> Manifest:
        """Nobody else changes this folder now."""
        workspace = Workspace(self._root, self._source.folder, self._text)
        workspace.recover()
        found = self._found()
        if found is not None and not self._ask_again:
            workspace.remove()  # what a kill after the publication has left, or an update that nobody wants any more
            return found
        self._say(Progress(phase="listing", source=self._text))
        damaged = None if self._ask_again else self._manifest()
        pinned = "" if damaged is None else damaged.revision  # files are missing: those of the same commit are wanted
        try:
            store: Store = open_store(self._source, self._token, self._limits, pinned)
            listing = self._listing(store)
        except Unreachable as problem:
            if found is not None or self._source.kind != "hub":  # an update: what is cached may be older
                raise
            return self._from_cache(workspace, problem, pinned)
        files = select(listing.files, self._limits, self._text)
        if found is not None and _is_all_of(found, listing.revision, files):
            workspace.remove()
            return found
        return self._bring(workspace, store, listing, files)

    def _from_cache(self, workspace: Workspace, problem: Unreachable, pinned: str) -> Manifest:
        """What the hub's own client has downloaded earlier."""
        from modelyard.weights.cached_files import link_cached
        from modelyard.weights.hub_cache import HubCache, NotCached

        try:
            cache = HubCache(self._source, pinned)
            listing = cache.listing()
        except NotCached as lacking:
            raise Unreachable(f"{problem.why}, and {lacking}", problem.advice) from problem
        self._note = f"taken from the hub's cache, {cache.snapshot}: {problem.why}"
        workspace.adopt(listing.revision, select(listing.files, self._limits, self._text))
        link_cached(cache, workspace, self._text, self._say, problem.why)
        try:
            return self._transferred(workspace, cache, listing)
        except NotEnoughSpace as full:
            raise NotEnoughSpace(f"{full}, or name the cache's own folder as a path: {cache.snapshot}") from full

    def _bring(self, workspace: Workspace, store: Store, listing: Listing, files: tuple[RemoteFile, ...]) -> Manifest:
        workspace.adopt(listing.revision, files)
        old = self._manifest()
        if old is not None:
            workspace.take_from(old)
        return self._transferred(workspace, store, listing)

    def _transferred(self, workspace: Workspace, store: Store, listing: Listing) -> Manifest:
        transfer_all(store, workspace, self._text, self._limits, self._say)
        if not store.pinned and self._listing(store).revision != listing.revision:
            raise WeightsError(
                f"{self._text} has changed while it was fetched; fetch again (only what has changed is fetched)"
            )
        made = workspace.manifest(time.time())
        if made is None:
            raise WeightsError(f"files of {self._text} have vanished from {workspace.place}; fetch again")
        workspace.publish(made)
        self._say(Progress(phase="done", source=self._text, done=made.size, total=made.size))
        return made

    def _listing(self, store: Store) -> Listing:
        attempt = 1
        while True:
            try:
                return store.listing()
            except Interruption as problem:
                if attempt == _LISTING_ATTEMPTS:
                    raise Unreachable(f"{self._text} cannot be reached: {problem}", _OFFLINE) from problem
                self._say(Progress(phase="listing", source=self._text, note=str(problem)))
            time.sleep(_LISTING_PAUSE * attempt)
            attempt += 1

    def _found(self) -> Manifest | None:
        """What is published and has all its files."""
        manifest = self._manifest()
        return manifest if manifest is not None and has_all(self._published, manifest) else None

    def _manifest(self) -> Manifest | None:
        manifest = read_manifest(self._published)
        if manifest is None and self._published.exists():
            raise WeightsError(f"{self._published} was not put there by a fetch: move it away, or use it as a path")
        if manifest is not None and manifest.source != self._text:
            raise WeightsError(f"{self._published} holds {manifest.source}: move it away")
        return manifest

    def _fetched(self, manifest: Manifest) -> FetchedWeights:
        """Held to the limits again: they may be stricter than those of the fetch. Pickled weights are here only where
        somebody has allowed them (``weights pull --allow-pickle``), which stays said for whole models."""
        limits = self._limits
        if not limits.contained:
            limits = msgspec.structs.replace(limits, allow_pickle=True)
        select((RemoteFile(name=f.name, size=f.size) for f in manifest.files), limits, self._text)
        return FetchedWeights(
            path=self._published,
            source=self._text,
            revision=manifest.revision,
            digest=manifest.digest,
            size=manifest.size,
            note=self._note,
        )

    def _say_who(self, holder: str) -> None:
        self._say(Progress(phase="waiting", source=self._text, note=holder))


def _is_all_of(manifest: Manifest, revision: str, files: tuple[RemoteFile, ...]) -> bool:
    """Of what came from a cache some files may be missing."""
    return manifest.revision == revision and {file.name for file in files} <= {file.name for file in manifest.files}


_OFFLINE = "check the network, or name files that are here (--source NAME=/a/folder or NAME=demo://demo-llama)"
