"""Streams at random leave nothing behind; ``random_sequences.py`` runs any number of them."""

from __future__ import annotations

import os

import pytest
from random_sequences import Sequences

COUNT = int(os.environ.get("MODELYARD_SEQUENCES", "1500"))
"""``make`` runs few; 100,000 take minutes."""


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.timeout(900)
def test_nothing_is_left(seed: int) -> None:
    sequences = Sequences(seed)
    sequences.run(COUNT)
    sequences.check()
    assert sequences.answers > COUNT
