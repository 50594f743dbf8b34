"""``modelyard drain-time``: the termination grace that the longest request needs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from modelyard.cli.exit_codes import ExitCode
from modelyard.cli.latency_measured import Measured, measure
from modelyard.cli.manifests_option import ManifestsOption, read_or_fail, split_pipe
from modelyard.cli.output import Output, OutputOption, console, fail, print_json
from modelyard.cli.rollout import named_deployment
from modelyard.cli.running_yard import HomeOption, ask, running_yard
from modelyard.local.containers import VllmCommand, recognise
from modelyard.resources.apps import Deployment
from modelyard.resources.pods import Container
from modelyard.resources.sleep_command import hook_seconds
from modelyard.sizing.drain_time import BUFFER, PREFILL_SHARE, PROPAGATION, DrainFacts, DrainTime, drain_time


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """A value and where it comes from."""

    value: float
    source: str


def drain_time_command(
    deployment: Annotated[
        str | None,
        typer.Argument(metavar="[DEPLOYMENT]", help="NAME or NAMESPACE/NAME; needed where there are several."),
    ] = None,
    filename: ManifestsOption = None,
    max_output_tokens: Annotated[
        int | None,
        typer.Option("--max-output-tokens", min=1, help="Default: --max-model-len, or what replicas report."),
    ] = None,
    token_ms: Annotated[
        float | None,
        typer.Option("--token-ms", min=0.001, help="Time per output token at full batch; default: measured (p99)."),
    ] = None,
    propagation: Annotated[
        float | None,
        typer.Option(
            "--propagation", min=0, help="Seconds until load balancers have noticed; default: preStop's sleep."
        ),
    ] = None,
    prefill_share: Annotated[
        float, typer.Option("--prefill-share", min=0, help="Added for prompts in the same batch.")
    ] = PREFILL_SHARE,
    buffer: Annotated[float, typer.Option("--buffer", min=0, help="Added at the end, as a share.")] = BUFFER,
    home: HomeOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Work out terminationGracePeriodSeconds and the preStop sleep, with the reasoning.

    Measured values come from the running yard; put load on it first, as heavy as it will be. With -f and the flags
    no yard is needed.

    Examples:

      modelyard drain-time demo-llama

      modelyard drain-time -f vllm.yaml --max-output-tokens 4096 --token-ms 10 --propagation 30
    """
    found, measured = _sources(deployment, filename, home)
    tokens = _tokens(max_output_tokens, found, measured)
    token_time = _token_time(token_ms, measured)
    delay = _propagation(propagation, found)
    longest = measured.longest or 0.0
    facts = DrainFacts(
        output_tokens=int(tokens.value),
        token_time=token_time.value,
        propagation=delay.value,
        prefill_share=prefill_share,
        buffer=buffer,
        measured_longest=longest,
    )
    answer, now = drain_time(facts), found.spec.template.spec.termination_grace_period_seconds if found else None
    if output is Output.JSON:
        print_json(
            _as_json(found, facts, answer, now, {"outputTokens": tokens, "tokenTime": token_time, "propagation": delay})
        )
        return
    _show(found, facts, answer, now, (tokens, token_time, delay), measured)


def _sources(
    deployment: str | None, filename: list[Path] | None, home: Path | None
) -> tuple[Deployment | None, Measured]:
    if filename:
        read = read_or_fail(*split_pipe(filename))
        return _chosen(list(read.resource_set.deployments.values()), deployment), Measured()
    yard = running_yard(home)
    items = ask(yard, "/api/resources?kind=Deployment")["items"]
    found = _chosen([msgspec.convert(item, Deployment) for item in items], deployment)
    if found is None:
        fail("this yard has no Deployment.", next_step="Give the values: -f FILE, --max-output-tokens, --token-ms.")
    key = (found.metadata.namespace, found.metadata.name)
    rows = [row for row in ask(yard, "/api/replicas")["replicas"] if (row["namespace"], row["deployment"]) == key]
    return found, measure(row for row in rows if row["ready"])


def _chosen(there: list[Deployment], name: str | None) -> Deployment | None:
    names = ", ".join(f"{one.metadata.namespace}/{one.metadata.name}" for one in there) or "none"
    if name is None:
        if len(there) > 1:
            fail(f"say which Deployment; there are: {names}", ExitCode.USAGE)
        return there[0] if there else None
    wanted = named_deployment(name, "default")
    for one in there:
        if (one.metadata.namespace, one.metadata.name) == wanted:
            return one
    fail(f"no Deployment {'/'.join(wanted)}; there are: {names}")


def _container(deployment: Deployment | None) -> Container | None:
    """The model server: the first container that starts vLLM, else the first."""
    containers = deployment.spec.template.spec.containers if deployment is not None else ()
    servers = [one for one in containers if _arguments(one) is not None]
    return next(iter((*servers, *containers)), None)


def _arguments(container: Container | None) -> tuple[str, ...] | None:
    """The arguments of vLLM's server; None: it is no such server."""
    found = recognise(container.image, container.command, container.args) if container is not None else None
    return found.arguments if isinstance(found, VllmCommand) else None


def _tokens(given: int | None, deployment: Deployment | None, measured: Measured) -> Fact:
    if given is not None:
        return Fact(value=given, source="--max-output-tokens")
    words = _arguments(_container(deployment)) or ()
    for index, word in enumerate(words):
        text = word.partition("=")[2] if word.startswith("--max-model-len=") else ""
        if word == "--max-model-len" and index + 1 < len(words):
            text = words[index + 1]
        if text.isdecimal():
            return Fact(value=int(text), source="--max-model-len of the manifest: a request can be no longer")
    if measured.context_length:
        return Fact(value=measured.context_length, source="context length that the replicas report")
    fail(
        "how many tokens a request may produce is not known.",
        ExitCode.USAGE,
        next_step="Give --max-output-tokens (the context length, or the limit that you set for clients).",
    )


def _token_time(given: float | None, measured: Measured) -> Fact:
    if given is not None:
        return Fact(value=given / 1000, source="--token-ms")
    if measured.token_time:
        source = f"p99 of {measured.token_metric}, {measured.requests} requests measured"
        return Fact(value=measured.token_time, source=source)
    fail(
        "the time per output token is not known: no running replica has served a request that was measured.",
        ExitCode.FAILED,
        next_step="Put load on the yard (as heavy as it will be), or give --token-ms.",
    )


def _propagation(given: float | None, deployment: Deployment | None) -> Fact:
    if given is not None:
        return Fact(value=given, source="--propagation")
    container = _container(deployment)
    hook = container.lifecycle.pre_stop if container is not None and container.lifecycle is not None else None
    seconds = hook_seconds(hook) if hook is not None else None
    if seconds is not None:
        return Fact(value=seconds, source="preStop sleep of the manifest")
    return Fact(value=PROPAGATION, source="slow load balancers; measure yours and give --propagation")


def _as_json(
    deployment: Deployment | None, facts: DrainFacts, answer: DrainTime, now: int | None, sources: dict[str, Fact]
) -> dict[str, Any]:
    return {
        "deployment": f"{deployment.metadata.namespace}/{deployment.metadata.name}" if deployment else None,
        "facts": {
            "outputTokens": facts.output_tokens,
            "tokenSeconds": facts.token_time,
            "propagationSeconds": facts.propagation,
            "prefillShare": facts.prefill_share,
            "buffer": facts.buffer,
            "measuredLongestSeconds": facts.measured_longest or None,
        },
        "sources": {name: fact.source for name, fact in sources.items()},
        "longestRequestSeconds": round(answer.longest, 3),
        "terminationGracePeriodSeconds": answer.grace,
        "preStopSleepSeconds": answer.pre_stop,
        "manifestGraceSeconds": now,
        "enough": None if now is None else now >= answer.grace,
    }


def _show(
    deployment: Deployment | None,
    facts: DrainFacts,
    answer: DrainTime,
    now: int | None,
    sources: tuple[Fact, Fact, Fact],
    measured: Measured,
) -> None:
    tokens, token_time, delay = sources
    lines = [
        f"1. a request may produce {facts.output_tokens} tokens ({tokens.source})",
        f"2. a token takes {facts.token_time * 1000:.3g} ms ({token_time.source})",
        f"3. so the longest request produces for {_seconds(answer.generating)}",
        f"4. prompts in the same batch: +{facts.prefill_share:.0%}, {_seconds(answer.generating + answer.prefill)}",
        f"5. until load balancers have noticed: +{_seconds(facts.propagation)} ({delay.source})",
        f"6. room for what was not thought of: +{facts.buffer:.0%}, {answer.grace} s",
    ]
    if measured.longest:
        used = "used instead of 4, as it is longer" if answer.longest == measured.longest else "shorter than 4"
        lines.insert(4, f"   measured: 99 % of requests took at most {_seconds(measured.longest)} ({used})")
    container = _container(deployment)
    yaml = [
        "spec:",
        f"  terminationGracePeriodSeconds: {answer.grace}",
        "  containers:",
        f"  - name: {container.name if container is not None else 'vllm'}",
        f"    lifecycle: {{preStop: {{sleep: {{seconds: {answer.pre_stop}}}}}}}",
    ]
    text = "\n".join([*lines, "", *yaml, "", _verdict(answer.grace, now)])
    console.print(escape(text))


def _seconds(value: float) -> str:
    return f"{value:.1f} s"


def _verdict(grace: int, now: int | None) -> str:
    if now is None:
        return "There is no manifest to compare with."
    if now >= grace:
        return f"The manifest has {now} s: enough."
    return f"The manifest has {now} s: {grace - now} s too short; requests that are still open then are cut off."
