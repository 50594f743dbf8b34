"""Adds Ray to the engine environment, beside vLLM: ``python -m modelyard.local.ray.install``.

Ray Serve LLM runs vLLM inside its workers, so both live in one environment. What vLLM brought is held at its
versions while Ray is installed: where the two cannot agree, the installation fails and vLLM stays as it was.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from modelyard.local.engine_install import EngineInstallError, Pip, Say, install_own_vllm, only_one
from modelyard.local.engines import MARKER, engine_directory, engine_python
from modelyard.local.ray.engine import RAY_MARKER, RAY_VARIABLE, RayEngine, ask_for_ray, find_ray

RAY_VERSION = "2.60.0"
RAY = (f"ray[serve]=={RAY_VERSION}", "pyarrow", "pandas", "jsonref", "fsspec")
"""Ray with Serve, and what Ray Serve LLM imports beside it."""


def install_ray(say: Say, *, force: bool = False) -> RayEngine:
    """The Ray of this machine, installed now if there is none with vLLM. ``force``: install it anew.

    Raises :class:`EngineInstallError`.
    """
    found = None if force else find_ray()
    if found is None or not found.vllm:
        directory = engine_directory()
        if not (directory / MARKER).is_file():
            install_own_vllm(say)
        with only_one(directory, say):
            found = None if force else ask_again(directory)
            if found is None:
                found = _install(directory, say)
    say(f"using {found}")
    return found


def ask_again(directory: Path) -> RayEngine | None:
    """What another installation finished while this one waited."""
    if not (directory / RAY_MARKER).is_file():
        return None
    return ask_for_ray(str(engine_python(directory)), "installed by Modelyard")


def _install(directory: Path, say: Say) -> RayEngine:
    began = time.monotonic()
    python = str(engine_python(directory))
    say(f"installing {RAY[0]} into {directory} (about 500 MB, a minute)")
    pip = Pip(directory, say)
    with tempfile.TemporaryDirectory(prefix="modelyard-ray-") as folder:
        held = Path(folder) / "held.txt"
        held.write_text("\n".join(_installed(python)) + "\n")
        pip.run("installing Ray's requirements and Ray", "install", "--constraint", str(held), *RAY)
    engine = _checked(python, say)
    took = time.monotonic() - began
    (directory / RAY_MARKER).write_text(json.dumps({"ray": RAY_VERSION, "seconds": round(took)}) + "\n")
    say(f"installed in {took:.0f} s")
    return engine


def _installed(python: str) -> list[str]:
    """Every package but Ray's own, as ``name==version``."""
    listing = subprocess.run(
        [python, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    ours = {"ray", "pip", "setuptools"}
    return [f"{item['name']}=={item['version']}" for item in json.loads(listing.stdout) if item["name"] not in ours]


def _checked(python: str, say: Say) -> RayEngine:
    """Import both once: this proves that they agree, and writes the byte code that start-up reads."""
    say("checking the installation")
    code = "import ray, ray.dashboard.dashboard, ray.serve.llm, vllm.entrypoints.openai.api_server"
    tried = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd="/", check=False)
    if tried.returncode:
        raise EngineInstallError("Ray was installed but cannot be imported:\n" + tried.stderr[-2000:] + _WAYS_ON)
    engine = ask_for_ray(python, "installed by Modelyard")
    if engine is None:
        raise EngineInstallError(f"{python} does not find Ray after the installation{_WAYS_ON}")
    return engine


_WAYS_ON = (
    f"\nWays on: run the command again with --force, or install {' '.join(RAY)} beside your own vLLM and set "
    f"{RAY_VARIABLE} to its Python."
)


def main() -> int:
    """The command; returns its exit code."""
    try:
        install_ray(lambda text: print(text, flush=True), force="--force" in sys.argv[1:])
    except EngineInstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
