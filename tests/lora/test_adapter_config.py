from __future__ import annotations

import json
from typing import Any

import pytest
from adapter_files import CONFIG, safetensors, tensors
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.lora.adapter_config import (
    AdapterFacts,
    BaseShape,
    check,
    other_base,
    read_adapter,
    read_base_shape,
    read_header,
)
from modelyard.lora.engine_limits import EngineLimits


def facts(rank: int = 8, hidden: int = 64, layers: int = 2, **config: Any) -> AdapterFacts:
    data = safetensors(tensors(rank, hidden, layers))
    return read_adapter(json.dumps({**CONFIG, "r": rank, **config}).encode(), read_header(data, len(data)))


LIMITS = EngineLimits(max_rank=16)
BASE = BaseShape(hidden=64, intermediate=256, layers=2)


def test_what_the_files_say() -> None:
    found = facts()
    assert (found.rank, found.layers, found.base_model) == (8, 2, "org/llama")
    assert (dict(found.inputs), dict(found.outputs)) == ({"q_proj": 64}, {"q_proj": 64})
    assert check(found, LIMITS, BASE) is None
    assert check(found, LIMITS, BaseShape()) is None


def test_a_rank_that_is_too_high_names_the_flag_and_its_value() -> None:
    refusal = check(facts(rank=20), LIMITS, BASE)
    assert refusal is not None
    assert refusal.reason == "RankTooHigh"
    assert "--max-lora-rank=32" in refusal.message
    by_pattern = check(facts(rank_pattern={"q_proj": 64}), LIMITS, BASE)
    assert by_pattern is not None
    assert "--max-lora-rank=64" in by_pattern.message
    assert check(facts(rank=20), EngineLimits(), BASE) is None


@pytest.mark.parametrize(("hidden", "layers"), [(128, 2), (64, 3)])
def test_an_adapter_of_another_model_is_told_by_its_sizes(hidden: int, layers: int) -> None:
    refusal = check(facts(hidden=hidden, layers=layers), LIMITS, BASE)
    assert refusal is not None
    assert refusal.reason == "BaseModelMismatch"


@pytest.mark.parametrize(
    "config",
    [
        {"use_dora": True},
        {"bias": "all"},
        {"modules_to_save": ["lm_head"]},
        {"modules_to_save": 1},
        {"init_lora_weights": "pissa"},
        {"layer_replication": [[0, 1]]},
    ],
)
def test_what_vllm_does_not_support_is_refused(config: dict[str, Any]) -> None:
    refusal = check(facts(**config), LIMITS, BASE)
    assert refusal is not None
    assert refusal.reason == "Unsupported"


def test_modules_that_the_engine_leaves_out() -> None:
    refusal = check(facts(), EngineLimits(target_modules=("v_proj",)), BASE)
    assert refusal is not None
    assert "q_proj" in refusal.message


def test_an_engine_without_lora_says_what_is_missing() -> None:
    refusal = check(facts(), EngineLimits(enabled=False), BASE)
    assert refusal is not None
    assert (refusal.reason, "--enable-lora" in refusal.message) == ("LoRANotEnabled", True)


def test_another_base_models_name_is_remarked_on_and_not_refused() -> None:
    assert "org/llama" in other_base(facts(), ("google/gemma",))
    assert not other_base(facts(), ("meta/Llama",))
    assert not other_base(facts(base_model_name_or_path="/somewhere/llama/"), ("llama",))


@pytest.mark.parametrize(
    "config",
    [b"", b"[]", b"{}", b'{"r": 0, "lora_alpha": 1}', b'{"r": 8}', b'{"r": 8, "lora_alpha": 8, "peft_type": "IA3"}'],
)
def test_a_broken_configuration_is_said_in_words(config: bytes) -> None:
    data = safetensors(tensors())
    with pytest.raises(ValueError, match=r"adapter_config\.json"):
        read_adapter(config, read_header(data, len(data)))


def test_experts_and_towers_have_sizes_of_their_own() -> None:
    shapes = tensors()
    for part in ("layers.1.mlp.experts.3.down_proj", "vision_tower.encoder.layers.30.self_attn.q_proj"):
        shapes[f"base_model.model.model.{part}.lora_A.weight"] = [8, 9]
        shapes[f"base_model.model.model.{part}.lora_B.weight"] = [9, 8]
    data = safetensors(shapes)
    found = read_adapter(json.dumps(CONFIG).encode(), read_header(data, len(data)))
    assert found.target_modules == ("down_proj", "q_proj")
    assert check(found, LIMITS, BASE) is None


@pytest.mark.parametrize("shape", [[None, 1], ["8", 8], [[8], 8], [True, 8], [8.0, 8]])
def test_a_shape_that_is_none_is_no_weight(shape: list[Any]) -> None:
    with pytest.raises(ValueError, match="holds no LoRA weights"):
        read_adapter(json.dumps(CONFIG).encode(), {"a.q_proj.lora_A.weight": {"shape": shape}})


def test_a_file_that_was_cut_off_anywhere_is_found() -> None:
    data = safetensors(tensors(layers=1))
    read_header(data, len(data))
    for length in range(len(data)):
        with pytest.raises(ValueError, match=r"adapter_model\.safetensors"):
            read_header(data[:length], length)


@settings(max_examples=100)
@given(st.binary(max_size=60), st.integers(0, 2**63))
def test_no_bytes_raise_anything_but_value_errors(data: bytes, size: int) -> None:
    for head in (data, len(data).to_bytes(8, "little") + data):
        try:
            read_adapter(data, read_header(head, max(size, len(head))))
        except ValueError:
            continue


def test_the_base_models_sizes() -> None:
    assert read_base_shape(b'{"hidden_size": 8, "intermediate_size": 16, "num_hidden_layers": 2}') == BaseShape(
        hidden=8, intermediate=16, layers=2
    )
    assert read_base_shape(b'{"text_config": {"hidden_size": 8}}') == BaseShape(hidden=8)
    assert read_base_shape(b"nonsense") == BaseShape()
