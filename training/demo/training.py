"""Teaches a model its samples: packed rows, AdamW, one cycle of the learning rate."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from training.demo.samples import Draw
from training.demo.tokens import encode

ROW, ROWS = 128, 8
"""Tokens in a row, rows in a step. A row holds two or three samples, one after another."""
LONG_ROW, LONG_EVERY = 1536, 10
"""Every so many steps there is one long row, some of it long prompts: models are asked with long prompts, too."""
REPORT_EVERY = 50


@dataclass(frozen=True)
class Course:
    """How long and how fast a model learns."""

    steps: int
    rate: float
    """The highest learning rate; it is reached after a tenth of the steps."""


@dataclass(frozen=True)
class Progress:
    """Of a course, now."""

    step: int
    loss: float
    """Mean over the tokens of answers since the last report, in nats."""
    tokens: int
    """Read until now."""


class _Rows:
    """Cuts endless samples into rows; what does not fit is dropped."""

    def __init__(self, draw: Draw, tokenizer: Any, rng: random.Random) -> None:
        self._draw, self._tokenizer, self._rng = draw, tokenizer, rng

    def row(self, length: int) -> tuple[list[int], list[float]]:
        ids: list[int] = []
        weights: list[float] = []
        while len(ids) <= length:
            long = length > ROW and self._rng.random() < 0.3
            more, weighed = encode(self._tokenizer, self._draw(self._rng, long))
            ids += more
            weights += weighed
        return ids[: length + 1], weights[: length + 1]

    def steps(self) -> Iterator[tuple[Any, Any]]:
        """Endless batches of token ids and weights."""
        step = 0
        while True:
            step += 1
            length, count = (LONG_ROW, 1) if step % LONG_EVERY == 0 else (ROW, ROWS)
            rows = [self.row(length) for _ in range(count)]
            yield torch.tensor([ids for ids, _ in rows]), torch.tensor([weights for _, weights in rows])


def _loss(llama: Any, ids: Any, weights: Any) -> tuple[Any, Any]:
    """The loss to learn from, and that of the answers alone. Only weighed tokens pass the output layer: it is the
    largest one."""
    hidden = llama.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    wanted = weights[:, 1:] > 0
    losses = functional.cross_entropy(llama.lm_head(hidden[wanted]), ids[:, 1:][wanted], reduction="none")
    weighed = weights[:, 1:][wanted]
    answers = losses.detach()[weighed == 1.0].mean()
    return (losses * weighed).sum() / weighed.sum(), answers


def _optimiser(learned: list[Any], course: Course) -> tuple[Any, Any]:
    optimiser = torch.optim.AdamW(learned, lr=course.rate, weight_decay=0.02, betas=(0.9, 0.98), eps=1e-9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, course.rate, total_steps=course.steps, pct_start=0.1, cycle_momentum=False, final_div_factor=1e3
    )
    return optimiser, schedule


def teach(
    llama: Any, draw: Draw, tokenizer: Any, seed: int, course: Course, report: Callable[[Progress], None]
) -> Progress:
    """Train what ``llama`` has to train; returns where it ended."""
    learned = [parameter for parameter in llama.parameters() if parameter.requires_grad]
    optimiser, schedule = _optimiser(learned, course)
    batches = _Rows(draw, tokenizer, random.Random(seed)).steps()
    progress, recent, tokens = Progress(0, 0.0, 0), [], 0
    llama.train()
    for step in range(1, course.steps + 1):
        ids, weights = next(batches)
        loss, answers = _loss(llama, ids, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learned, 1.0)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        recent.append(answers.item())
        tokens += ids.numel()
        if step % REPORT_EVERY == 0 or step == course.steps:
            progress = Progress(step, sum(recent) / len(recent), tokens)
            recent = []
            report(progress)
    llama.eval()
    return progress
