"""The models and adapters that a vLLM command names, as folders of this machine.

A manifest names a model by its hub id, or by a path inside the image, where a volume may be mounted. Here the files
come from a source (``--source``, ``sources``, a claim's annotation, a bucket's mount, else the hub id itself), and the
command gets their folder. Clients go on asking for the name in the manifest: it stays the served name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from modelyard.local import arguments as argv
from modelyard.local.replica_plan import AppliedSetting, NeededWeights
from modelyard.local.weights_provider import FoldersOnly
from modelyard.resources.source_table import SourceTable, below, how_to_say_where
from modelyard.resources.weights_source import DEMO, WeightsSource, parse_source

SERVED_NAME = "--served-model-name"
_OF_A_REVISION = ("--revision", "--tokenizer-revision", "--code-revision", "--hf-token")
"""Flags that mean the hub; a folder has no revision."""


class ModelSources(msgspec.Struct, frozen=True, kw_only=True):
    """What a plan knows about where models come from."""

    table: SourceTable = SourceTable()
    path_of: Callable[[str], Path] = FoldersOnly().path_of
    """Where the files of a source will be (``WeightsProvider.path_of``)."""


ONLY_FOLDERS = ModelSources()
"""Nothing is said about sources."""


class ModelFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A command whose models are folders of this machine."""

    arguments: tuple[str, ...]
    paths: Mapping[str, str] = {}
    """Path of a model in the manifest -> its folder here, for whatever else names it."""
    needed: tuple[NeededWeights, ...] = ()
    settings: tuple[AppliedSetting, ...] = ()
    names: tuple[str, ...] = ()
    """Every model and adapter, as the manifest calls it."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the files of one name lie."""

    folder: str
    source: str
    chosen: bool
    """Said by the user, not by the name itself."""


class ModelPlaces:
    """Looks up where a name's files are: the user's word first, then the volume that it lies in, then the hub."""

    def __init__(self, sources: ModelSources, origins: Mapping[str, str], paths: Mapping[str, str]) -> None:
        """``origins``: mount path -> source of the volume's content. ``paths``: mount path -> its folder here."""
        self._sources, self._origins, self._paths = sources, origins, paths

    def place(self, word: str, *names: str, revision: str = "") -> Place | None:
        """Where ``word`` is; ``names``: other names of the same files; ``revision``: the hub's. None: nothing tells.
        Raises ValueError."""
        found = self._sources.table.find(word, *names)
        if found is not None:
            return self._at(found, chosen=True)
        if word.startswith("/"):
            return self._below_a_mount(word)
        source = parse_source(f"{word}@{revision}" if revision and "@" not in word else word)
        return None if source.kind == "path" else self._at(source)

    def chosen_folder(self, word: str) -> str | None:
        """The folder that the user named for ``word``, which need not hold a model; None: none was named.

        Raises ValueError where something other than a folder was named.
        """
        source = self._sources.table.find(word)
        if source is not None and source.kind != "path":
            raise ValueError(f"{word} is code: its source must be a folder, not {source}")
        return None if source is None else source.name

    def is_chosen(self, word: str) -> bool:
        """Whether the user said where ``word`` is taken from."""
        return self._sources.table.key_of(word) is not None

    def _at(self, source: WeightsSource, rest: str = "", *, chosen: bool = False) -> Place:
        folder = self._sources.path_of(str(source))
        return Place(folder=str(folder / rest) if rest else str(folder), source=str(source), chosen=chosen)

    def _below_a_mount(self, word: str) -> Place:
        mounts = {mount for mount in (*self._origins, *self._paths) if f"{word}/".startswith(f"{mount}/")}
        mount = max(mounts, key=len, default="")
        rest = word[len(mount) :].strip("/")
        if mount in self._origins:
            return self._in_a_source(self._origins[mount], rest)
        local = f"{self._paths[mount]}/{rest}".rstrip("/") if mount else word
        return Place(folder=local, source=local, chosen=False)

    def _in_a_source(self, origin: str, rest: str) -> Place:
        if origin == DEMO:
            name, _, inside = rest.partition("/")
            return self._at(parse_source(DEMO + name), inside)
        found = self._sources.table.find(f"{origin}/{rest}" if rest else origin)
        if found is not None:
            return self._at(found, chosen=True)
        source = parse_source(origin)
        if source.kind in ("hub", "demo"):
            return self._at(source, rest)
        return self._at(below(source, rest))


def resolve_models(arguments: tuple[str, ...], places: ModelPlaces) -> ModelFiles:
    """``arguments`` with every model and adapter led to its folder. Raises ValueError, for people."""
    work = _Resolving(arguments, places)
    work.model()
    work.adapters()
    return ModelFiles(
        arguments=work.arguments,
        paths=work.paths,
        needed=tuple(work.needed.values()),
        settings=tuple(work.settings),
        names=tuple(work.names),
    )


def model_names(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Every model and adapter of a command, as it is called there."""
    model = argv.value(arguments, "--model")
    try:
        adapters = [_Adapter(text).path for text in argv.values(arguments, "--lora-modules") or ()]
    except ValueError:
        adapters = []
    return tuple(dict.fromkeys(name for name in (model, *adapters) if name))


class _Resolving:
    """One command on its way."""

    def __init__(self, arguments: tuple[str, ...], places: ModelPlaces) -> None:
        self.arguments, self._places = arguments, places
        self.paths: dict[str, str] = {}
        self.needed: dict[str, NeededWeights] = {}
        self.settings: list[AppliedSetting] = []
        self.names: dict[str, None] = {}

    def _note(self, setting: str, change: str, reason: str) -> None:
        self.settings.append(AppliedSetting(setting=setting, change=change, reason=reason))

    def _take(self, word: str, *names: str, adapter: bool = False, revision: str = "") -> Place:
        """The place of ``word``, whose files are needed from now on."""
        self.names[word] = None
        try:
            place = self._places.place(word, *names, revision=revision)
        except ValueError as error:
            raise ValueError(f"{error}; {how_to_say_where(word, adapter=adapter)}") from None
        if place is None:
            raise ValueError(
                f"{word} is a folder of the image, which is not used here; {how_to_say_where(word, adapter=adapter)}"
            )
        if word.startswith("/"):
            self.paths[word.rstrip("/")] = place.folder
        self.needed[word] = NeededWeights(name=word, source=place.source, adapter=adapter)
        return place

    def model(self) -> None:
        word = argv.value(self.arguments, "--model")
        if word is None:
            raise ValueError("its command names no model; add --model")
        served = argv.values(self.arguments, SERVED_NAME) or []
        place = self._take(word, *served, revision=argv.value(self.arguments, "--revision") or "")
        if place.folder == word:
            return
        self.arguments = (f"--model={place.folder}", *argv.without(self.arguments, "--model"))
        self._note("--model", f"{place.folder} (was {word})", f"taken from {place.source}")
        if not served:
            self.arguments = argv.with_value(self.arguments, SERVED_NAME, word)
            self._note(SERVED_NAME, f"added {word}", "clients ask for the name in the manifest")
        self._tokenizer(word, place)
        for flag in _OF_A_REVISION:
            was = argv.value(self.arguments, flag)
            if was is not None:
                self.arguments = argv.without(self.arguments, flag)
                self._note(flag, "dropped", "the model is a folder here, not the hub's")

    def _tokenizer(self, model: str, place: Place) -> None:
        word = argv.value(self.arguments, "--tokenizer")
        if word is None:
            return
        if word == model:
            self.arguments = argv.with_value(self.arguments, "--tokenizer", place.folder)
            self._note("--tokenizer", f"{place.folder} (was {word})", "it is the model's own")
        elif word.startswith("/") or self._places.is_chosen(word):
            own = self._take(word)
            self.arguments = argv.with_value(self.arguments, "--tokenizer", own.folder)
            self._note("--tokenizer", f"{own.folder} (was {word})", f"taken from {own.source}")
        elif place.chosen:
            self.arguments = argv.without(self.arguments, "--tokenizer")
            self._note("--tokenizer", f"dropped (was {word})", "a model from another source has its own tokenizer")

    def adapters(self) -> None:
        given = argv.values(self.arguments, "--lora-modules")
        if not given:
            return
        adapters = [_Adapter(text) for text in given]
        for adapter in adapters:
            place = self._take(adapter.path, adapter.name, adapter=True)
            if place.folder != adapter.path:
                self._note(
                    "--lora-modules",
                    f"{adapter.name}={place.folder} (was {adapter.path})",
                    f"taken from {place.source}",
                )
                adapter.path = place.folder
        self.arguments = argv.with_values(self.arguments, "--lora-modules", [str(adapter) for adapter in adapters])


class _Adapter:
    """One value of ``--lora-modules``: ``name=path``, or JSON with ``name`` and ``path``."""

    def __init__(self, text: str) -> None:
        self._fields: dict[str, Any] | None = None
        if text.startswith("{"):
            try:
                fields = json.loads(text)
                self.name, self.path = str(fields["name"]), str(fields["path"])
            except (ValueError, KeyError, TypeError):
                raise ValueError(f"--lora-modules {text[:80]} is no JSON object with name and path") from None
            self._fields = fields
            return
        self.name, equals, self.path = text.partition("=")
        if not equals or not self.name or not self.path:
            raise ValueError(f"--lora-modules {text[:80]} is not name=path")

    def __str__(self) -> str:
        if self._fields is None:
            return f"{self.name}={self.path}"
        return json.dumps(self._fields | {"path": self.path})
