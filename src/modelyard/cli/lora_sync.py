"""``modelyard lora-sync``: the adapter reconciler as a sidecar container of one vLLM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import fail
from modelyard.control.daemon_thread import in_daemon_thread
from modelyard.lora.adapter import Fetch, Fetched, FetchError
from modelyard.lora.engine_limits import EngineLimits
from modelyard.lora.sidecar import Sidecar, SidecarSettings
from modelyard.lora.slots import SlotPolicy
from modelyard.lora.wanted import CONFIG_VARIABLE, DEFAULT_CONFIG
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import ADAPTER_LIMITS, Progress, WeightsError, fetch

_FETCHED = ".fetched"
"""In the adapters' folder: what was downloaded, before it is checked and copied."""


def lora_sync(
    health_check_timeout: Annotated[
        float, typer.Option("--health-check-timeout", help="Seconds until a silent engine is reported as an error.")
    ] = 300.0,
    health_check_interval: Annotated[
        float, typer.Option("--health-check-interval", help="Seconds between checks of a silent engine.")
    ] = 2.0,
    reconcile_trigger: Annotated[
        float, typer.Option("--reconcile-trigger", min=0.1, help="Seconds between looks where nothing changed.")
    ] = 5.0,
    config: Annotated[
        Path, typer.Option("--config", envvar=CONFIG_VARIABLE, help="The vLLMLoRAConfig; watched.")
    ] = Path(DEFAULT_CONFIG),
    config_validation: Annotated[
        bool, typer.Option("--config-validation", help="Of the original syncer; the file is always validated.")
    ] = True,
    metrics_port: Annotated[int, typer.Option("--metrics-port", min=0, max=65535, help="0: any free port.")] = 8080,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address of the metrics page.")] = "0.0.0.0",
    adapters_dir: Annotated[
        Path | None,
        typer.Option(
            "--adapters-dir",
            help="A folder that the engine's container mounts at the same path: adapters are fetched there, checked "
            "and kept by digest. Without it the engine is given each source as it is written.",
        ),
    ] = None,
    max_lora_rank: Annotated[
        int | None, typer.Option("--max-lora-rank", min=1, help="The engine's flag, to refuse what it cannot take.")
    ] = None,
    max_cpu_loras: Annotated[
        int | None, typer.Option("--max-cpu-loras", min=1, help="The engine's flag (or its --max-loras).")
    ] = None,
    slots: Annotated[SlotPolicy, typer.Option("--slots", help="What to do with more adapters than that.")] = (
        SlotPolicy.SWAP
    ),
) -> None:
    """Keep the LoRA adapters of the vLLM beside it as its ConfigMap says: the inference extension's syncer, improved.

    Takes the flags and environment of the original, serves its metric lora_syncer_adapter_status, and runs until
    SIGTERM. VLLM_API_KEY is used where the engine asks for a key, HF_TOKEN for gated adapters.

    Examples:

      modelyard lora-sync --config /config/configmap.yaml --metrics-port 8080

      modelyard lora-sync --adapters-dir /adapters --max-lora-rank 16 --max-cpu-loras 12
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    settings = SidecarSettings(
        config=config,
        health_timeout=health_check_timeout,
        health_interval=health_check_interval,
        trigger=reconcile_trigger,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
        adapters_dir=adapters_dir.absolute() if adapters_dir is not None else None,
        limits=EngineLimits(max_cpu_loras=max_cpu_loras, max_rank=max_lora_rank),
        policy=slots,
        api_key=os.environ.get("VLLM_API_KEY", ""),
    )
    try:
        asyncio.run(_until_told(Sidecar(settings, fetching(settings.adapters_dir))))
    except OSError as problem:
        fail(str(problem), ExitCode.ADDRESS_IN_USE, next_step="Choose another --metrics-port; 0 takes a free one.")


def fetching(folder: Path | None) -> Fetch:
    """Into ``folder``; None: nothing is fetched, and what the engine cannot read itself is refused."""
    return _as_written if folder is None else _Fetching(folder / _FETCHED).fetch


async def _until_told(sidecar: Sidecar) -> None:
    """SIGTERM and Ctrl-C end it; what is loaded stays loaded."""
    task = asyncio.ensure_future(sidecar.run(lambda port: logging.info("lora-sync: metrics on port %d", port)))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        logging.info("lora-sync: told to end; the engine keeps what it has loaded")


async def _as_written(source: str, say: Callable[[str], None]) -> Fetched:
    """What vLLM can read itself: a path of its container, or a hub id without a revision."""
    try:
        found = parse_source(source)
    except ValueError as problem:
        raise FetchError(str(problem)) from problem
    if found.kind == "path" or (found.kind == "hub" and not found.revision):
        return Fetched(path=found.name)
    raise FetchError(
        f"vLLM cannot read {source} itself; give --adapters-dir, a folder that both containers mount at the same path"
    )


class _Fetching:
    def __init__(self, root: Path) -> None:
        self._root = root

    async def fetch(self, source: str, say: Callable[[str], None]) -> Fetched:
        """The adapter's files, whole and verified. Nobody waits for a fetch that was cancelled: it ends by itself, and
        goes on from there the next time."""
        loop, stopped = asyncio.get_running_loop(), threading.Event()

        def tell(progress: Progress) -> None:
            if stopped.is_set() or loop.is_closed():
                raise WeightsError(f"the fetch of {source} was stopped")
            loop.call_soon_threadsafe(say, str(progress))

        try:
            found = parse_source(source)
            work = partial(fetch, found, self._root, progress=tell, limits=ADAPTER_LIMITS)
            got = await in_daemon_thread(work, f"fetch {source}")
        except (WeightsError, ValueError) as problem:
            raise FetchError(str(problem)) from problem
        except asyncio.CancelledError:
            stopped.set()
            raise
        return Fetched(path=str(got.path), revision=got.revision, mutable=found.kind == "path")
