"""``modelyard weights``: the files of models and adapters on this machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, age, console, errors, fail, print_json, table
from modelyard.cli.running_yard import HomeOption
from modelyard.cli.weights_progress import ReadingReport, report_fetch
from modelyard.control.weights_provider import weights_root
from modelyard.control.yard_file import in_use
from modelyard.local.home import Home
from modelyard.local.state_file import read_state
from modelyard.resources.weights_source import WeightsSource, parse_source
from modelyard.weights.errors import Unreachable, WeightsError
from modelyard.weights.fetching import fetch
from modelyard.weights.kept import KeptWeights, kept_weights, remove_weights, users_of
from modelyard.weights.limits import ADAPTER_LIMITS, MODEL_LIMITS, PICKLE_KINDS, GiB
from modelyard.weights.prefetch import READERS, read_ahead
from modelyard.weights.progress import readable_size
from modelyard.weights.published import Verdict, read_manifest, verify
from modelyard.weights.selection import kind

weights = typer.Typer(
    help="Fetch, list, verify and remove the files of models (in ~/.modelyard/weights, or MODELYARD_WEIGHTS).",
    no_args_is_help=True,
)

_SOURCE_HELP = (
    "demo://NAME, ORG/NAME or ORG/NAME@REVISION of the hub, gs://BUCKET/FOLDER, s3://BUCKET/FOLDER, or a path."
)

_OFFLINE = (
    "Check the network (and HF_HUB_OFFLINE), or do without: modelyard up --source NAME=/a/folder or NAME=demo://…"
)


@weights.command("pull")
def pull(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help=_SOURCE_HELP)],
    update: Annotated[bool, typer.Option("--update", help="Ask for the current revision of what is here.")] = False,
    adapter: Annotated[bool, typer.Option("--adapter", help="Apply the limits of LoRA adapters.")] = False,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Take pickled weights where there are no others; they can run code.")
    ] = False,
    keep_free: Annotated[
        float, typer.Option("--keep-free", help="GiB of the disk that stay free.", min=0)
    ] = MODEL_LIMITS.keep_free / GiB,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Fetch weights, or go on with a fetch that was ended. Tokens for the hub: HF_TOKEN.

    Examples:

      modelyard weights pull demo://demo-llama

      modelyard weights pull google/gemma-3-1b-it@main s3://models/adapters/food-review
    """
    limits = msgspec.structs.replace(
        ADAPTER_LIMITS if adapter else MODEL_LIMITS, allow_pickle=allow_pickle, keep_free=int(keep_free * GiB)
    )
    root = weights_root(Home.at(home))
    for source in [_parsed(text) for text in sources]:
        try:
            with report_fetch(output) as progress:
                found = fetch(source, root, progress=progress, limits=limits, update=update)
        except Unreachable as problem:
            fail(f"{problem.why}.", next_step=_OFFLINE)
        except WeightsError as problem:
            fail(str(problem))
        if output is Output.JSON:
            print_json(msgspec.to_builtins(found, enc_hook=str))
        else:
            console.print(f"{source}: {readable_size(found.size)} in {found.path}")
            if found.note:
                errors.print(found.note, markup=False)


@weights.command("ls")
def list_weights(home: HomeOption = None, output: OutputOption = Output.TEXT) -> None:
    """Show what is here, whole or in part.

    Example:

      modelyard weights ls
    """
    try:
        found = kept_weights(weights_root(Home.at(home)))
    except WeightsError as problem:
        fail(str(problem))
    if output is Output.JSON:
        print_json({"weights": [msgspec.to_builtins(kept, enc_hook=str) for kept in found]})
        return
    rows = table("SOURCE", "STATE", "SIZE", "REVISION", "DIGEST", "AGE", "FOLDER")
    for kept in found:
        since = "-" if kept.fetched is None else age(time.time() - kept.fetched)
        rows.add_row(
            kept.source, kept.state, _size(kept), kept.revision[:12], kept.digest[:12] or "-", since, str(kept.path)
        )
    console.print(rows)


@weights.command("verify")
def verify_weights(
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="[SOURCE]...", help="Sources as `weights ls` shows them; none: all.")
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Fetch corrupted and missing files again.")] = False,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Read every file and compare it with its SHA-256. Ends with 1 where a file is corrupted, missing or was added.

    Examples:

      modelyard weights verify

      modelyard weights verify google/gemma-3-1b-it --repair
    """
    root = weights_root(Home.at(home))
    verdicts: dict[str, Verdict] = {}
    try:
        for kept in _chosen(root, sources):
            verdict = _verified(kept, output)
            if repair and (verdict.corrupted or verdict.missing):
                _repair(kept, verdict, root, output)
                verdict = _verified(kept, output)
            verdicts[kept.source] = verdict
    except WeightsError as problem:
        fail(str(problem))
    if output is Output.JSON:
        print_json({name: msgspec.to_builtins(found) | {"sound": found.sound} for name, found in verdicts.items()})
    else:
        for name, found in verdicts.items():
            console.print(f"{name}: {found}")
    if not all(found.sound for found in verdicts.values()):
        raise typer.Exit(ExitCode.FAILED)


@weights.command("rm")
def remove(
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE...", help="Sources as `weights ls` shows them.")],
    force: Annotated[bool, typer.Option("--force", help="Also what a running process uses.")] = False,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Remove weights, whole or in part, unless a running engine uses them.

    Example:

      modelyard weights rm google/gemma-3-1b-it
    """
    root = weights_root(Home.at(home))
    try:
        chosen = _chosen(root, sources)
        for kept in [] if force else chosen:
            user = _user(kept.path, Home.at(home))
            if user:
                fail(f"{kept.source} is in use by {user}.", next_step="Stop it (modelyard stop), or use --force.")
        freed = {kept.source: remove_weights(root, kept.folder) for kept in chosen}
    except WeightsError as problem:
        fail(str(problem))
    if output is Output.JSON:
        print_json({"removed": freed})
        return
    for source, size in freed.items():
        console.print(f"removed {source} ({readable_size(size)})")


@weights.command("prefetch")
def prefetch(
    where: Annotated[str, typer.Argument(metavar="SOURCE_OR_PATH", help="Weights that are here, or a mounted folder.")],
    readers: Annotated[
        int, typer.Option("--readers", "-n", help="Readers at the same time.", min=1, max=256)
    ] = READERS,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Read safetensors files ahead into memory, with many readers at once: an engine then starts from memory.

    Examples:

      modelyard weights prefetch /gcs/google/gemma-2-9b-it

      modelyard weights prefetch google/gemma-3-1b-it --readers 32
    """
    source = _parsed(where)
    path = Path(source.name) if source.kind == "path" else weights_root(Home.at(home)) / source.folder
    try:
        with ReadingReport(output, f"reads {source}") as report:
            found = read_ahead(path, readers=readers, said=report)
    except WeightsError as problem:
        fail(str(problem))
    if output is Output.JSON:
        print_json(msgspec.to_builtins(found) | {"bytesPerSecond": round(found.rate)})
        return
    console.print(
        f"read {readable_size(found.size)} in {found.seconds:.1f} s ({found.rate / 1e9:.2f} GB/s, {readers} readers)"
    )
    if found.size < found.total:
        console.print(f"the other {readable_size(found.total - found.size)} do not fit into free memory")


def _parsed(text: str) -> WeightsSource:
    try:
        return parse_source(text)
    except ValueError as problem:
        fail(str(problem), ExitCode.USAGE)


def _chosen(root: Path, sources: list[str] | None) -> list[KeptWeights]:
    found = {kept.source: kept for kept in kept_weights(root)}
    if sources is None:
        return [kept for kept in found.values() if read_manifest(kept.path) is not None]
    wanted = [str(_parsed(text)) for text in sources]
    for source in wanted:
        if source not in found:
            fail(f"{source} is not in {root}.", next_step="See: modelyard weights ls")
    return [found[source] for source in dict.fromkeys(wanted)]


def _user(path: Path, place: Home) -> str:
    """Who uses weights: an engine, or a yard whose engine is about to start; empty: nobody."""
    pids = sorted(users_of(path))
    if pids:
        return f"process {', '.join(map(str, pids))}"
    state = read_state(place) if in_use(place) else None
    settings = [setting for replica in state.replicas for setting in replica.settings] if state is not None else []
    return f"the yard in {place.root}" if any(str(path) in str(setting) for setting in settings) else ""


def _verified(kept: KeptWeights, output: Output) -> Verdict:
    manifest = read_manifest(kept.path)
    if manifest is None:
        raise WeightsError(f"{kept.source} is {kept.state}: finish it with modelyard weights pull {kept.source}")
    with ReadingReport(output, f"verifies {kept.source}") as report:
        done = 0

        def read(count: int) -> None:
            nonlocal done
            done += count
            report(done, kept.total)

        return verify(kept.path, manifest, read)


def _repair(kept: KeptWeights, verdict: Verdict, root: Path, output: Output) -> None:
    """A file that is missing is fetched again, and nothing else is."""
    manifest = read_manifest(kept.path)
    pickled = manifest is not None and any(kind(file.name) in PICKLE_KINDS for file in manifest.files)
    for name in verdict.corrupted:
        (kept.path / name).unlink(missing_ok=True)
    with report_fetch(output) as progress:
        limits = msgspec.structs.replace(MODEL_LIMITS, allow_pickle=pickled)
        fetch(parse_source(kept.source), root, progress=progress, limits=limits)


def _size(kept: KeptWeights) -> str:
    whole = readable_size(kept.total)
    return whole if kept.size == kept.total or kept.state == "ready" else f"{readable_size(kept.size)} of {whole}"
