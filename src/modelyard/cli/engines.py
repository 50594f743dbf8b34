"""``modelyard engines``: the model servers that this machine can run."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json
from modelyard.local import engine_install
from modelyard.local.engines import find_vllm
from modelyard.local.envoy import find_envoy
from modelyard.local.envoy_install import install_envoy
from modelyard.local.ray.engine import find_ray
from modelyard.local.ray.install import install_ray

engines = typer.Typer(
    help="Find or install the engines, and the Envoy, that `modelyard up` runs.", no_args_is_help=True
)

_FINDERS = {"vllm": find_vllm, "ray": find_ray, "envoy": find_envoy}
_INSTALLERS = {"vllm": engine_install.install_vllm, "ray": install_ray, "envoy": install_envoy}


@engines.command("ls")
def list_engines(output: OutputOption = Output.TEXT) -> None:
    """Show which vLLM, Ray and Envoy `modelyard up` would run.

    Example:

      modelyard engines ls
    """
    found = {name: find() for name, find in _FINDERS.items()}
    if output is Output.JSON:
        print_json({name: None if engine is None else _plain(engine) for name, engine in found.items()})
        return
    for name, engine in found.items():
        console.print(f"{name}: {engine or f'not installed (modelyard engines install {name})'}")


def _plain(engine: object) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(engine)
    plain.pop("packages", None)
    return plain


@engines.command("install")
def install(
    engine: Annotated[
        str,
        typer.Argument(
            help="Engine to install, in an environment of its own: vllm (its CPU build), ray beside it, or envoy."
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Install it anew.")] = False,
) -> None:
    """Install an engine, unless one is there already (an own GPU build of vLLM is used as it is).

    Examples:

      modelyard engines install vllm

      modelyard engines install ray

      modelyard engines install envoy
    """
    if engine not in _INSTALLERS:
        fail(f"engine {engine!r} cannot be installed from here; there are: vllm, ray, envoy.", ExitCode.USAGE)
    try:
        found = _INSTALLERS[engine](console.print, force=force)
    except engine_install.EngineInstallError as problem:
        fail(str(problem))
    console.print(f"{engine}: {found}")
