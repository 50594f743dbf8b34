"""Each tutorial, block by block, on real engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from docs.examples import TUTORIALS, blocks_of
from modelyard.local.engines import find_vllm
from modelyard.local.ray.engine import find_ray

from .tutorial_yard import TutorialYard

RUN = [page for page in TUTORIALS if blocks_of(page)]
pytestmark = [
    pytest.mark.engine,
    pytest.mark.tutorial,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(find_vllm() is None, reason="no vLLM here; `modelyard engines install vllm` installs one"),
]


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_it_runs(page: Path, tmp_path: Path) -> None:
    if page.stem.startswith("ray-") and find_ray() is None:
        pytest.skip("no Ray here; `modelyard engines install ray` installs one")
    yard = TutorialYard(tmp_path)
    try:
        for block in blocks_of(page):
            yard.run(block)
    finally:
        yard.end()
