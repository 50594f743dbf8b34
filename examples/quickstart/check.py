"""Runs the quickstart and tries it: the yard starts, the openai client asks every model, and everything stops again.

``make demo CHECK=1`` runs this. It prints each answer with the replica that gave it, and ends with 1 where anything was
not as it should be.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import openai

from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

HERE = Path(__file__).parent
START_SECONDS = 840
STOP_SECONDS = 60
QUESTIONS = {
    "demo-llama": "Why is my request queued?",
    "food-review": "How was the pizza?",
    "sql-chat": "How many orders are there?",
    "demo-alpaca": "What makes the wind blow?",
}
"""For each model, one that it can answer."""


def main() -> int:
    """Start, ask, stop."""
    options = _options()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # in a pipe too, lines stand between those of the yard's log
    port = _free_port()
    command = [
        *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", str(HERE)),
        *("--port", f"80={port}", "--admin", "127.0.0.1:0", "--home", str(options.home), "--engine", options.engine),
        *("--drain", "5", "--output", "json"),
    ]
    yard = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    assert yard.stdout is not None
    try:
        ready = _wait_until_ready(yard.stdout)
        if ready is None:
            print("the yard ended before it was ready; its messages are above", file=sys.stderr)
            return 1
        problems = list(_try(ready["address"], options))
    finally:
        yard.send_signal(signal.SIGTERM)
        code = yard.wait(STOP_SECONDS)
    if code != 0:
        problems.append(f"the yard ended with code {code}")
    for problem in problems:
        print(f"✗ {problem}", file=sys.stderr)
    print("stopped; all answers were as expected" if not problems else f"{len(problems)} problems")
    return 1 if problems else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=Path(".modelyard"), help="the yard's directory")
    parser.add_argument("--engine", default="vllm", choices=["vllm", "sim"], help="real vLLM, or simulated servers")
    return parser.parse_args()


def _wait_until_ready(events: IO[str]) -> dict[str, Any] | None:
    """Print what happens until everything is ready; None: the yard ended, or took too long."""
    end = time.monotonic() + START_SECONDS
    for line in events:
        event = json.loads(line)
        match event["event"]:
            case "starting":
                print(f"Modelyard {event['version']}, engines load now")
            case "replica":
                state = "ready" if event["ready"] else event["phase"]
                print(f"  {event['name']}: {state} {event['message']}".rstrip())
            case "ready":
                print(f"ready at {event['address']}: {', '.join(event['models'])}\n")
                return dict(event)
        if time.monotonic() > end:
            return None
    return None


def _try(address: str, options: argparse.Namespace) -> Iterator[str]:
    """Ask every model; yields what is wrong."""
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0, timeout=120)
    models = {model.id for model in client.models.list()}
    wanted = set(QUESTIONS)
    if not wanted <= models:
        yield f"GET /v1/models lists {sorted(models)}, not all of {sorted(wanted)}"
    answers: dict[str, str] = {}
    for model, question in QUESTIONS.items():
        answers[model], replica = _chat(client, model, question)
        print(f"{model} ({replica}) is asked: {question}\n  {answers[model]}")
        if options.engine == "vllm" and kind_of(answers[model]) != KIND_OF_MODEL[model]:
            yield f"{model} did not talk about its own subject"
        if not answers[model]:
            yield f"{model} answered nothing"
    replicas = {_chat(client, "demo-llama", f"Question {number}: who are you?")[1] for number in range(24)}
    print(f"24 requests for demo-llama went to {', '.join(sorted(replicas))}")
    if len(replicas) != 2:
        yield f"demo-llama has two replicas, but {len(replicas)} answered"
    streamed = _stream(client, "food-review")
    print(f"food-review streams the same: {streamed == answers['food-review']}")
    if options.engine == "vllm" and streamed != answers["food-review"]:
        yield "the adapter's streamed answer differs from its whole one"
    try:
        _chat(client, "no-such-model", "Hello")
        yield "an unknown model was answered"
    except openai.NotFoundError as refused:
        print(f"no-such-model is refused: {refused.message}")


def _chat(client: openai.OpenAI, model: str, question: str) -> tuple[str, str]:
    """The answer, and the replica that gave it."""
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": question}], temperature=0, max_tokens=64
    )
    text = raw.parse().choices[0].message.content or ""
    return text.strip(), raw.headers.get("x-modelyard-endpoint", "?")


def _stream(client: openai.OpenAI, model: str) -> str:
    events = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": QUESTIONS[model]}],
        temperature=0,
        max_tokens=64,
        stream=True,
    )
    return "".join(event.choices[0].delta.content or "" for event in events if event.choices).strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
