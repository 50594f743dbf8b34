from __future__ import annotations

from hashlib import sha256

import pytest

from modelyard.weights.demo import DEMO_MODELS, FOLDER, DemoModel, demo_model
from modelyard.weights.demo.kinds import KIND_OF_MODEL


def test_an_adapter_names_a_base() -> None:
    adapters = [model for model in DEMO_MODELS.values() if model.kind == "adapter"]
    assert {demo_model(model.base).kind for model in adapters} == {"base"}
    assert set(KIND_OF_MODEL) == set(DEMO_MODELS)


@pytest.mark.parametrize("model", DEMO_MODELS.values(), ids=lambda model: model.name)
def test_what_is_shipped_is_what_was_made(model: DemoModel) -> None:
    for file in model.files:
        assert sha256(file.path.read_bytes()).hexdigest() == file.sha256


def test_everything_together_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 10_000_000


def test_an_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no demo model 'x'; there are demo-llama, demo-alpaca, food-review, sql-chat"):
        demo_model("x")
