from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.lora.lora_config import LoraConfig, Wanted, client_name, read_lora_config

WHOLE = """
vLLMLoRAConfig:
  name: llama
  host: localhost
  port: 8001
  defaultBaseModel: meta/llama
  ensureExist:
    models:
    - {id: food-review, source: Kawon/food, base-model: meta/llama-2}
    - {id: both, source: a/b}
  ensureNotExist:
    models:
    - {id: old, source: a/old}
    - {id: both, source: a/b}
"""


def test_every_field_of_the_syncers_file() -> None:
    assert read_lora_config(WHOLE, origin="here") == LoraConfig(
        name="llama",
        port=8001,
        default_base_model="meta/llama",
        exist=(Wanted(name="food-review", source="Kawon/food", base_model="meta/llama-2", origin="here"),),
        absent=frozenset({"old"}),
        contradictions=("both",),
    )


def test_what_is_left_out_has_the_originals_defaults() -> None:
    assert read_lora_config("vLLMLoRAConfig: {}") == LoraConfig(host="localhost", port=8000)
    assert read_lora_config("vLLMLoRAConfig: {ensureExist: {models: }, ensureNotExist: }") == LoraConfig()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no vLLMLoRAConfig"),
        ("a: [", "not valid YAML"),
        ("- 1", "object"),
        ("vLLMLoraConfig: {}", "vLLMLoraConfig"),
        ("vLLMLoRAConfig: {ensureExists: {}}", "ensureExists"),
        ("vLLMLoRAConfig: {port: 0}", "port"),
        ("vLLMLoRAConfig: {port: http}", "port"),
        ("vLLMLoRAConfig: {ensureExist: {models: [{source: a/b}]}}", "id"),
        ("vLLMLoRAConfig: {ensureExist: {models: [{id: a}]}}", "source"),
        ("vLLMLoRAConfig: {ensureExist: {models: [{id: a@b, source: x}]}}", "'@'"),
        ("vLLMLoRAConfig: {ensureExist: {models: [{id: '', source: x}]}}", "id"),
        ("vLLMLoRAConfig: {ensureExist: {models: [{id: a, source: x}, {id: a, source: y}]}}", "twice"),
        ("a: 1\n---\nb: 2", "one YAML document"),
    ],
)
def test_anything_else_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"\S") as problem:
        read_lora_config(text)
    assert says in str(problem.value)


@pytest.mark.parametrize(("engine_name", "name"), [("a", "a"), ("a@1a2b3c4d", "a"), ("a@12", "a@12"), ("o/a", "o/a")])
def test_the_name_that_clients_use(engine_name: str, name: str) -> None:
    assert client_name(engine_name) == name


@settings(max_examples=60)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["vLLMLoRAConfig", "ensureExist", "models", "id", "source", "port", "host", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_value_raises_anything_but_value_errors(value: object) -> None:
    with contextlib.suppress(ValueError):
        read_lora_config(yaml.safe_dump(value))
