"""The folders and files of one replica on disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from modelyard.local.folders import make_folder
from modelyard.local.home import Home
from modelyard.local.replica_plan import LocalFile, ReplicaPlan
from modelyard.local.temporary_folders import make_temporary_folder, remove_temporary_folder, temporary_root


def make_directories(plan: ReplicaPlan, *, anew: bool) -> None:
    """Make the folders of ``plan``. ``anew``: a new replica begins with empty ones (emptyDir), as a new Pod
    does; a restarted one finds what it left. Raises OSError with a message for people."""
    own = Path(plan.directory)
    if anew:
        shutil.rmtree(own, ignore_errors=True)
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in plan.directories:
        make_folder(Path(directory))
    if plan.temporary:
        make_temporary_folder(plan.temporary)


def remove_directories(plan: ReplicaPlan) -> None:
    """Remove what belonged to the replica alone; claims stay."""
    if plan.temporary:
        remove_temporary_folder(plan.temporary)
    shutil.rmtree(plan.directory, ignore_errors=True)


def remove_remains(home: Home) -> None:
    """Remove what replicas of a yard left that was killed. Before the first replica of this yard is made."""
    for folder in (home.replicas, temporary_root(str(home.replicas))):
        shutil.rmtree(folder, ignore_errors=True)


def write_files(plan: ReplicaPlan) -> None:
    """Write the files that come from ConfigMaps and Secrets; each changes in one step."""
    for file in plan.files:
        _write(Path(plan.directory) / file.path, file)


def _write(path: Path, file: LocalFile) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(file.content)
    draft.chmod(file.mode)
    draft.replace(path)


def remove_stale_files(old: ReplicaPlan, new: ReplicaPlan) -> None:
    """Remove files that ``old`` had and ``new`` has no more."""
    for path in {file.path for file in old.files} - {file.path for file in new.files}:
        (Path(old.directory) / path).unlink(missing_ok=True)
