"""One model on vLLM: its own OpenAI server, called inside this process instead of over a socket."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator

from ray import serve

from multiplexing.asgi_call import Head, call
from multiplexing.settings import ModelSettings

CPU_FLAGS = {
    "--enforce-eager": "",
    "--kv-cache-memory-bytes": str(256 << 20),
    "--max-num-seqs": "16",
}
"""Added where there is no GPU, unless the model's own flags say otherwise."""


@serve.deployment(
    max_ongoing_requests=64,
    max_queued_requests=64,
    health_check_period_s=10,
    health_check_timeout_s=30,
    graceful_shutdown_timeout_s=30,
)
class ModelServer:
    """vLLM with its API. Metrics go to Ray's exporter under vLLM's names, where a gateway reads the load."""

    async def __init__(self, model: ModelSettings) -> None:  # type: ignore[misc]
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.entrypoints.openai.api_server import build_app, init_app_state
        from vllm.v1.engine.async_llm import AsyncLLM
        from vllm.v1.metrics.ray_wrappers import RayPrometheusStatLogger

        args = _arguments(model)
        self._engine = AsyncLLM.from_engine_args(
            AsyncEngineArgs.from_cli_args(args), stat_loggers=[RayPrometheusStatLogger]
        )
        tasks = await self._engine.get_supported_tasks()
        self._api = build_app(args, tasks, self._engine.model_config)
        await init_app_state(self._engine, self._api.state, args, tasks)

    async def check_health(self) -> None:
        """Serve's probe: a replica whose engine died is replaced."""
        await self._engine.check_health()

    async def answer(self, path: str, body: bytes) -> AsyncIterator[Head | bytes]:
        """Status and headers first, then the body as vLLM sends it. Closing it ends the request."""
        async for part in call(self._api, path, body):
            yield part


def _arguments(model: ModelSettings) -> argparse.Namespace:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.platforms import current_platform
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    flags = [f"--model={model.source}", f"--served-model-name={model.id}"]
    flags += [f"--tensor-parallel-size={model.tensor_parallelism}", "--distributed-executor-backend=mp", *model.flags]
    if current_platform.is_cpu():
        given = {flag.partition("=")[0] for flag in model.flags}
        flags += [f"{name}={value}" if value else name for name, value in CPU_FLAGS.items() if name not in given]
    parsed: argparse.Namespace = make_arg_parser(FlexibleArgumentParser()).parse_args(flags)
    return parsed
