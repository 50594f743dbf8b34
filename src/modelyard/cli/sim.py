"""``modelyard sim``: simulated model servers, for trying gateways without models."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
import uvloop

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.output import Output, OutputOption, console, fail, print_json, warn
from modelyard.cli.sim_arguments import SimCommand, lora_modules
from modelyard.sim.faults import Faults
from modelyard.sim.server import SimHandle, consecutive_hosts, serve
from modelyard.sim.settings import INSTANT, SettingsError, SimSettings

_DEFAULTS = SimSettings()
_ENGINE, _TIME, _API, _TEST = "Engine", "Latency", "API and metrics", "Tests"


class Flavour(StrEnum):
    """``--flavour``."""

    VLLM = "vllm"
    RAY = "ray"


class Dialect(StrEnum):
    """``--metrics-dialect``."""

    VLLM = "vllm"
    VLLM_OLD = "vllm-old"
    SGLANG = "sglang"
    TRTLLM = "trtllm"
    TRITON_TRTLLM = "triton-trtllm"
    TRITON = "triton"
    RAY = "ray"
    NONE = "none"


class Answer(StrEnum):
    """``--answer``."""

    WORDS = "words"
    ECHO = "echo"


class Spread(StrEnum):
    """``--spread``."""

    ADDRESSES = "addresses"
    PORTS = "ports"


def _option(name: str, help: str, panel: str, *more: str) -> Any:
    return typer.Option(name, *more, help=help, rich_help_panel=panel)


def sim(
    ctx: typer.Context,
    model: Annotated[
        str, _option("--model", "Model name; may also come first without the flag. Only the name matters.", _ENGINE)
    ] = "",
    served_model_name: Annotated[
        list[str] | None, _option("--served-model-name", "Name that the API answers to; repeatable.", _API)
    ] = None,
    host: Annotated[str, _option("--host", "Address to listen on.", _API)] = "127.0.0.1",
    port: Annotated[int, _option("--port", "Port to listen on; 0 takes a free one.", _API)] = 8000,
    count: Annotated[int, typer.Option("--count", min=1, max=65536, help="How many servers, in one process.")] = 1,
    spread: Annotated[
        Spread,
        typer.Option("--spread", help="With --count: on consecutive addresses from --host, or ports from --port."),
    ] = Spread.ADDRESSES,
    lora: Annotated[
        list[str] | None,
        _option("--lora-modules", "Adapter NAME=PATH; repeatable. PATH is never read.", _ENGINE, "--lora"),
    ] = None,
    enable_lora: Annotated[bool, _option("--enable-lora", "Adapters may be loaded at run time.", _ENGINE)] = False,
    runtime_lora: Annotated[
        bool,
        typer.Option(
            "--runtime-lora/--no-runtime-lora",
            envvar="VLLM_ALLOW_RUNTIME_LORA_UPDATING",
            help="The load and unload calls exist.",
            rich_help_panel=_ENGINE,
        ),
    ] = True,
    max_loras: Annotated[int, _option("--max-loras", "Adapters running at once.", _ENGINE)] = _DEFAULTS.max_loras,
    max_cpu_loras: Annotated[
        int, _option("--max-cpu-loras", "Adapters held ready; 0: as many as --max-loras.", _ENGINE)
    ] = _DEFAULTS.max_cpu_loras,
    max_num_seqs: Annotated[
        int, _option("--max-num-seqs", "Sequences running at once.", _ENGINE)
    ] = _DEFAULTS.max_num_seqs,
    max_num_queued_reqs: Annotated[
        int, _option("--max-num-queued-reqs", "Queue limit, above it 503; 0: none.", _ENGINE)
    ] = _DEFAULTS.max_num_queued_reqs,
    max_model_len: Annotated[
        int, _option("--max-model-len", "Longest prompt and answer, tokens.", _ENGINE)
    ] = _DEFAULTS.max_model_len,
    block_size: Annotated[int, _option("--block-size", "Tokens per KV block.", _ENGINE)] = _DEFAULTS.block_size,
    num_blocks: Annotated[
        int, _option("--num-blocks", "KV blocks.", _ENGINE, "--num-gpu-blocks-override")
    ] = _DEFAULTS.num_blocks,
    prefix_caching: Annotated[
        bool, _option("--enable-prefix-caching/--no-enable-prefix-caching", "Reuse blocks of equal prefixes.", _ENGINE)
    ] = True,
    output_tokens: Annotated[
        int, _option("--output-tokens", "Mean length of an answer without max_tokens.", _ENGINE)
    ] = _DEFAULTS.output_tokens,
    answer: Annotated[
        Answer, _option("--answer", "Say seeded words, or echo the last message.", _ENGINE)
    ] = Answer.WORDS,
    seed: Annotated[int, _option("--seed", "Decides texts, lengths and dice.", _ENGINE)] = _DEFAULTS.seed,
    ttft_ms: Annotated[
        float, _option("--ttft-ms", "Time to first token of an empty prompt, ms.", _TIME)
    ] = _DEFAULTS.ttft_s * 1000,
    prefill_ms: Annotated[
        float, _option("--prefill-ms-per-token", "Added per prompt token that is not cached, ms.", _TIME)
    ] = _DEFAULTS.prefill_s_per_token * 1000,
    itl_ms: Annotated[float, _option("--itl-ms", "Time between tokens, ms.", _TIME)] = _DEFAULTS.itl_s * 1000,
    jitter: Annotated[float, _option("--jitter", "Random part of latencies, 0 to 1.", _TIME)] = _DEFAULTS.jitter,
    load_slowdown: Annotated[
        float, _option("--load-slowdown", "Slow-down with a full batch: 1 doubles latencies.", _TIME)
    ] = _DEFAULTS.load_slowdown,
    instant: Annotated[bool, _option("--instant", "No latency at all.", _TIME)] = False,
    startup: Annotated[float, _option("--startup-seconds", "Wait before the port opens.", _TIME)] = 0.0,
    flavour: Annotated[Flavour, _option("--flavour", "Whose paths: vLLM's, or Ray Serve LLM's.", _API)] = Flavour.VLLM,
    metrics_dialect: Annotated[Dialect, _option("--metrics-dialect", "Whose metric names.", _API)] = Dialect.VLLM,
    metrics_port: Annotated[
        int | None, _option("--metrics-port", "Serve metrics on a port of their own (Ray: 8080).", _API)
    ] = None,
    metrics_path: Annotated[str, _option("--metrics-path", "Path of the metrics.", _API)] = _DEFAULTS.metrics_path,
    api_key: Annotated[str, _option("--api-key", "Bearer token required under /v1.", _API)] = "",
    request_id_headers: Annotated[bool, _option("--enable-request-id-headers", "Echo X-Request-Id.", _API)] = False,
    shutdown_timeout: Annotated[
        float, _option("--shutdown-timeout", "Seconds that running requests get after SIGTERM.", _API)
    ] = 0.0,
    control_port: Annotated[
        int | None, _option("--control-port", "Serve /sim/* on this port too; no fault closes it.", _TEST)
    ] = None,
    faults: Annotated[
        str, _option("--faults", "Failures from the start, as the JSON of POST /sim/faults.", _TEST)
    ] = "",
    request_log: Annotated[
        int, _option("--request-log", "Requests that /sim/requests remembers.", _TEST)
    ] = _DEFAULTS.request_log,
    ignore_unknown: Annotated[
        bool, _option("--ignore-unknown", "Take vLLM's other flags too; they are listed and do nothing.", _TEST)
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Run simulated model servers: vLLM's API, metrics, queue, KV cache and adapters, without a model.

    Every answer says that it is simulated. Failures can be switched on while it runs: POST /sim/faults.

    Examples:

      modelyard sim my-model --port 8000

      modelyard sim --model base --lora-modules sql=/adapters/sql --max-num-seqs 8 --itl-ms 50

      modelyard sim --count 100 --host 127.40.0.1 --port 8000 --request-log 0

      modelyard sim --flavour ray --metrics-dialect ray --metrics-port 8080

      curl -X POST localhost:8000/sim/faults -d '{"status": 503, "status_rate": 0.5, "for_s": 30}'
    """
    _check_unknown(ctx.args, ignore_unknown)
    try:
        settings = SimSettings(
            model=model or _DEFAULTS.model,
            served_model_names=tuple(served_model_name or ()),
            lora=lora_modules(lora or ()),
            enable_lora=enable_lora,
            runtime_lora=runtime_lora,
            max_loras=max_loras,
            max_cpu_loras=max_cpu_loras,
            max_num_seqs=max_num_seqs,
            max_num_queued_reqs=max_num_queued_reqs,
            max_model_len=max_model_len,
            block_size=block_size,
            num_blocks=num_blocks,
            enable_prefix_caching=prefix_caching,
            output_tokens=output_tokens,
            answer=answer.value,
            seed=seed,
            ttft_s=ttft_ms / 1000,
            prefill_s_per_token=prefill_ms / 1000,
            itl_s=itl_ms / 1000,
            jitter=jitter,
            load_slowdown=load_slowdown,
            startup_s=startup,
            flavour=flavour.value,
            metrics_dialect=metrics_dialect.value,
            metrics_port=metrics_port,
            metrics_path=metrics_path,
            control_port=control_port,
            api_key=api_key,
            enable_request_id_headers=request_id_headers,
            shutdown_timeout=shutdown_timeout,
            request_log=request_log,
            faults=msgspec.json.decode(faults, type=Faults) if faults else Faults(),
        )
        if instant:
            settings = msgspec.structs.replace(settings, **INSTANT)
        places = _places(host, port, count, spread)
    except (SettingsError, msgspec.MsgspecError, ValueError) as problem:
        fail(str(problem), ExitCode.USAGE, next_step="modelyard sim --help shows what is allowed.")
    _run([(_shifted(settings, at, spread), where, there) for at, (where, there) in enumerate(places)], output)


def register(app: typer.Typer) -> None:
    """Adds ``sim`` to the command line, with vLLM's ways of writing arguments."""
    context = {"ignore_unknown_options": True, "allow_extra_args": True}
    app.command(cls=SimCommand, context_settings=context)(sim)


def _check_unknown(arguments: Sequence[str], ignore: bool) -> None:
    if not arguments:
        return
    listed = " ".join(arguments)
    if not ignore:
        fail(
            f"not arguments of modelyard sim: {listed}",
            ExitCode.USAGE,
            next_step="Leave them out, or add --ignore-unknown when they are meant for a real vLLM.",
        )
    warn(f"these arguments change nothing in a simulated server: {listed}")


def _places(host: str, port: int, count: int, spread: Spread) -> list[tuple[str, int]]:
    """Address and port of each server."""
    if count == 1:
        return [(host, port)]
    if spread is Spread.PORTS:
        return [(host, port + offset if port else 0) for offset in range(count)]
    return [(address, port) for address in consecutive_hosts(host, count)]


def _shifted(settings: SimSettings, offset: int, spread: Spread) -> SimSettings:
    """The settings of server number ``offset``: on one address, its other ports move along with the first."""
    if spread is Spread.ADDRESSES or not offset:
        return settings
    moved = {name: value + offset for name in ("metrics_port", "control_port") if (value := getattr(settings, name))}
    return msgspec.structs.replace(settings, **moved)


def _run(sims: Sequence[tuple[SimSettings, str, int]], output: Output) -> None:
    try:
        uvloop.run(serve(sims, ready=lambda handles: _announce(handles, output)))
    except OSError as problem:
        taken = problem.errno == errno.EADDRINUSE
        fail(
            str(problem),
            ExitCode.ADDRESS_IN_USE if taken else ExitCode.FAILED,
            next_step="Choose another --host or --port; --port 0 takes a free one.",
        )


def _announce(handles: Sequence[SimHandle], output: Output) -> None:
    first = handles[0]
    if output is Output.JSON:
        print_json([_description(handle) for handle in handles])
        return
    what = f"{first.address} to {handles[-1].address}" if len(handles) > 1 else first.address
    models = ", ".join([*first.settings.names, *first.settings.lora])
    console.print(f"simulated model server{'s' * (len(handles) > 1)} on {what}: {models}")
    body = msgspec.json.encode({"model": first.settings.served_model, "messages": [{"role": "user", "content": "hi"}]})
    console.print(
        f"  curl {first.url}/v1/chat/completions -H 'Content-Type: application/json' -d '{body.decode()}'",
        markup=False,
    )
    if first.metrics_url:
        console.print(f"  metrics: {first.metrics_url}", markup=False)
    console.print(f"  faults:  curl -X POST {first.control_url}/sim/faults -d '{{\"status\": 503}}'", markup=False)


def _description(handle: SimHandle) -> dict[str, Any]:
    return {
        "address": handle.address,
        "url": handle.url,
        "metrics": handle.metrics_url,
        "control": handle.control_url,
        "models": [*handle.settings.names, *handle.settings.lora],
    }
