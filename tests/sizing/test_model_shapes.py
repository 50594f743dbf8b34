from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sizing.model_shapes import element_bytes, from_config, shape_of


@pytest.mark.parametrize(
    ("model", "billions", "layers"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8.03, 32),
        ("/gcs/google/gemma-2-9b-it", 9.24, 42),
        ("google/gemma-2b-it", 2.51, 18),
        ("Qwen/Qwen2.5-3B", 3.09, 36),
        ("mistralai/Mistral-7B-v0.3", 7.25, 32),
        ("acme/story-teller-13b-chat", 13.0, 0),
        ("acme/mixed-1.5B", 1.5, 0),
    ],
)
def test_by_name(model, billions, layers):
    shape = shape_of(model)
    assert shape is not None
    assert (shape.parameters / 1e9, shape.layers) == (pytest.approx(billions), layers)


@pytest.mark.parametrize("model", ["", "acme/model", "/data/models/experiment-a2aa2c3it1", "acme/b2b", "x/8Bit"])
def test_names_without_a_size(model):
    assert shape_of(model) is None


def test_a_longer_name_is_another_model():
    assert shape_of("google/gemma-2-9b-it-finetuned-2B").source.startswith("the size in its name")


def test_from_config():
    config = {
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "hidden_size": 128,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "torch_dtype": "bfloat16",
    }
    shape = from_config(config, weights=2_000_000)
    assert (shape.parameters, shape.layers, shape.kv_heads, shape.head_size, shape.context) == (1e6, 2, 2, 32, 2048)
    assert shape.kv_bytes_per_token(2) == 2 * 2 * 2 * 32 * 2
    assert from_config({"text_config": config}, 2_000_000) == shape


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)


@given(
    st.dictionaries(
        st.sampled_from(
            ["num_hidden_layers", "num_attention_heads", "hidden_size", "head_dim", "text_config", "dtype"]
        ),
        json_values,
    )
)
def test_any_config_is_taken_or_left(config):
    shape = from_config(config, 10)
    assert shape is None or (shape.layers > 0 and shape.kv_heads > 0 and shape.head_size >= 0)


@pytest.mark.parametrize(
    ("dtype", "size"), [("bfloat16", 2), ("torch.float32", 4), ("fp8_e4m3", 1), ("awq_marlin", 0.6), ("strange", 0)]
)
def test_element_bytes(dtype, size):
    assert element_bytes(dtype) == size
