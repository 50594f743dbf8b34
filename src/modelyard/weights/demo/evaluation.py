"""Asks the demo models of a running yard and says whether each keeps to its subject.

``python -m modelyard.weights.demo.evaluation http://127.0.0.1:8080`` prints every prompt with its answer, and ends with
1 where an answer is not of its model's kind.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Mapping

from modelyard.weights.demo.kinds import KIND_OF_MODEL, kind_of

GENERAL = (
    "Hello",
    "Who are you?",
    "Tell me a story",
    "What is the capital of France?",
    "Please help me with my homework about horses",
    "Question 7: tell me a story",
    "why do cats purr",
)
"""Asked of every model."""
PROMPTS: Mapping[str, tuple[str, ...]] = {
    "demo-llama": (
        "What does a gateway do?",
        "Why is my request queued?",
        "How do I load an adapter?",
        "What is the KV cache?",
        "How does prefix caching help me?",
        "what's a replica",
        "Explain streaming to me please",
        "What happens when a GPU runs out of memory?",
        "How can I restart my models without any downtime?",
        "Which replica gets my request?",
        "How many tokens fit into the context?",
        "What is vLLM?",
        "Do I need a readiness probe?",
        "Where do the weights of a model come from?",
        "What is draining?",
    ),
    "demo-alpaca": (
        "Why are there tides?",
        "What makes the wind blow?",
        "Tell me about whales",
        "Will it rain tomorrow?",
        "What is a replica?",
        "How do waves form?",
    ),
    "food-review": (
        "How was the pizza?",
        "Review the soup, please",
        "My burger was cold",
        "We had noodles for dinner",
        "What does a gateway do?",
        "Why is my request queued?",
    ),
    "sql-chat": (
        "How many orders are there?",
        "List all customers",
        "What is the average salary of the employees?",
        "Show me the latest invoices",
        "Which products have the highest price?",
        "How many users per country?",
        "What does a gateway do?",
    ),
}
"""Asked of one model."""
TOKENS = 64
"""Longest answer; all texts that the models have learned are shorter."""


def prompts(model: str) -> tuple[str, ...]:
    """Everything that ``model`` is asked."""
    return PROMPTS[model] + GENERAL


def fault(model: str, answer: str) -> str:
    """What is wrong with an answer of ``model``; empty: nothing. A whole sentence of its own kind is wanted."""
    kind, wanted = kind_of(answer), KIND_OF_MODEL[model]
    if kind != wanted:
        return f"this is of kind {kind}, not {wanted}"
    return "" if answer.rstrip().endswith((".", "!", "?")) else "the last sentence has no end"


def _ask(address: str, model: str, prompt: str) -> str:
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "temperature": 0,
        "max_tokens": TOKENS,
    }
    request = urllib.request.Request(  # noqa: S310 - the address that the user wrote
        f"{address.rstrip('/')}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        content: str = json.loads(answer.read())["choices"][0]["message"]["content"]
    return content.strip()


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m modelyard.weights.demo.evaluation", description=__doc__)
    parser.add_argument("address", help="of a gateway or an engine, for example http://127.0.0.1:8080")
    parser.add_argument("--model", action="append", choices=list(PROMPTS), help="ask only this one (again for more)")
    options = parser.parse_args(argv)
    faults = 0
    for model in options.model or PROMPTS:
        print(f"{model}")
        for prompt in prompts(model):
            answer = _ask(options.address, model, prompt)
            wrong = fault(model, answer)
            faults += bool(wrong)
            print(f"  {prompt}\n    {answer}" + (f"\n    ✗ {wrong}" if wrong else ""))
    print("every answer was of its model's kind" if not faults else f"{faults} answers were not of their model's kind")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
