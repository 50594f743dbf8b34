"""``modelyard engines``: the model servers that this machine can run."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json
from modelyard.local import engine_install
from modelyard.local.engines import find_vllm

engines = typer.Typer(help="Find or install the engines that `modelyard up` runs.", no_args_is_help=True)


@engines.command("ls")
def list_engines(output: OutputOption = Output.TEXT) -> None:
    """Show which vLLM `modelyard up` would run.

    Example:

      modelyard engines ls
    """
    found = find_vllm()
    if output is Output.JSON:
        print_json({"vllm": None if found is None else msgspec.to_builtins(found)})
    elif found is None:
        console.print("vllm: not installed (modelyard engines install vllm)")
    else:
        console.print(f"vllm: {found}")


@engines.command("install")
def install(
    engine: Annotated[
        str, typer.Argument(help="Engine to install: vllm (its CPU build, in an environment of its own).")
    ],
    force: Annotated[bool, typer.Option("--force", help="Make the environment anew.")] = False,
) -> None:
    """Install an engine, unless one is there already (an own GPU build of vLLM is used as it is).

    Example:

      modelyard engines install vllm
    """
    if engine != "vllm":
        fail(f"engine {engine!r} cannot be installed from here; there is: vllm.", ExitCode.USAGE)
    try:
        found = engine_install.install_vllm(console.print, force=force)
    except engine_install.EngineInstallError as problem:
        fail(str(problem))
    console.print(f"vllm: {found}")
