"""Makes the demo models: ``<engine python> -m modelyard.local.demo_weights OUT [--seed N]``."""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from modelyard.local.demo_weights.corpus import MODELS, DemoModel

FORMAT = "1"
"""Grows when the files would come out differently; older ones are then made anew."""
MARKER = "made-by-modelyard"
"""Written last: a directory without it was left half-done."""


def _say(text: str) -> None:
    print(text, flush=True)


def is_made(out: Path, seed: int) -> bool:
    """Whether ``out`` already holds all models of this seed."""
    marker = out / MARKER
    return marker.is_file() and marker.read_text() == f"{FORMAT} {seed}\n"


def make(out: Path, seed: int) -> None:
    """Train every model and write it to ``out/<name>``; what is there is replaced."""
    import torch
    from transformers.utils import logging

    from modelyard.local.demo_weights.tokenizer import build_tokenizer, save_tokenizer
    from modelyard.local.demo_weights.training import add_lora, build_llama, save_lora, train

    logging.disable_progress_bar()
    torch.use_deterministic_algorithms(True)
    (out / MARKER).unlink(missing_ok=True)
    tokenizer = build_tokenizer()
    bases: dict[str, Any] = {}
    for model in MODELS:
        torch.manual_seed(seed)
        if model.base:
            llama = bases[model.base].float()
            added = add_lora(llama, model.rank)
            train(llama, model, tokenizer, seed, _reporter(model))
            save_lora(added, model, _fresh(out / model.name))
        else:
            llama = build_llama(model, tokenizer)
            train(llama, model, tokenizer, seed, _reporter(model))
            llama.to(torch.bfloat16).save_pretrained(str(_fresh(out / model.name)))
            save_tokenizer(tokenizer, out / model.name)
            bases[model.name] = llama
    (out / MARKER).write_text(f"{FORMAT} {seed}\n")


def _fresh(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


def _reporter(model: DemoModel) -> Any:
    def report(step: int, loss: float) -> None:
        if step == 1 or step == model.steps or step % 100 == 1:
            _say(f"{model.name}: step {step} of {model.steps}, loss {loss:.3f}")

    return report


def main(argv: list[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="demo_weights", description=__doc__)
    parser.add_argument("out", type=Path, help="directory that gets one folder per model")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if is_made(options.out, options.seed):
        _say(f"demo models are already in {options.out}")
        return 0
    began = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    make(options.out, options.seed)
    _say(f"demo models made in {options.out} in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
