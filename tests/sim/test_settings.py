from __future__ import annotations

import ast
import inspect

import msgspec
import pytest

from modelyard.sim import faults, settings
from modelyard.sim.settings import INSTANT, SettingsError, SimSettings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"max_loras": 0}, "max_loras is 0; allowed is 1 to 4096"),
        ({"jitter": 1.5}, "jitter is 1.5"),
        ({"model": ""}, "model is empty"),
        ({"lora": {"m": "/m"}, "model": "m"}, "'m' is also the base model's name"),
    ],
)
def test_what_is_out_of_range_is_named(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        SimSettings(**fields)  # type: ignore[arg-type]


def test_the_first_served_name_is_the_one_in_answers() -> None:
    assert SimSettings(model="m").served_model == "m"
    assert SimSettings(model="m", served_model_names=("x", "y")).served_model == "x"


def test_the_context_fits_the_cache() -> None:
    assert SimSettings(max_model_len=1000, num_blocks=10, block_size=16).context == 160


def test_instant_settings_have_no_latency() -> None:
    made = msgspec.structs.replace(SimSettings(), **INSTANT)
    assert (made.ttft_s, made.itl_s, made.prefill_s_per_token) == (0.0, 0.0, 0.0)


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field"):
        msgspec.json.decode(b'{"max_lora": 1}', type=SimSettings)


@pytest.mark.parametrize(("module", "name"), [(settings, "SimSettings"), (faults, "Faults")])
def test_every_field_says_what_it_means(module: object, name: str) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    struct = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name)
    fields = [(node, after) for node, after in zip(struct.body, struct.body[1:], strict=False)]
    for node, after in fields:
        if isinstance(node, ast.AnnAssign):
            assert isinstance(after, ast.Expr), f"{ast.unparse(node.target)} has no docstring"
