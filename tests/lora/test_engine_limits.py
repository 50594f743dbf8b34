from __future__ import annotations

import pytest

from modelyard.lora.engine_limits import EngineLimits, limits_of, limits_of_keywords, rank_to_ask_for


def test_seed_003s_flags() -> None:
    words = ["--model", "m", "--enable-lora", "--max-loras", "2", "--max-cpu-loras", "12"]
    found = limits_of(words, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "true"})
    assert found == EngineLimits(max_loras=2, max_cpu_loras=12, max_rank=16)
    assert not found.problem


def test_vllms_defaults_and_ways_of_writing() -> None:
    found = limits_of(["--enable_lora", "--max_lora_rank=64", "--max-loras=3"], {})
    assert (found.enabled, found.max_loras, found.max_cpu_loras, found.max_rank) == (True, 3, 3, 64)
    assert not limits_of(["--enable-lora", "--no-enable-lora"], {}).enabled
    assert limits_of(["--lora-target-modules", "q_proj", "v_proj", "--x"], {}).target_modules == ("q_proj", "v_proj")


@pytest.mark.parametrize(
    ("words", "value", "says"),
    [
        ([], "", "--enable-lora in its arguments and VLLM_ALLOW_RUNTIME_LORA_UPDATING=true in its environment"),
        ([], "1", "--enable-lora in its arguments"),
        (["--enable-lora"], "0", "VLLM_ALLOW_RUNTIME_LORA_UPDATING=true"),
        (["--enable-lora"], "True", ""),
    ],
)
def test_what_is_missing_is_named(words: list[str], value: str, says: str) -> None:
    assert says in limits_of(words, {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": value}).problem


def test_the_flag_to_raise_is_one_that_vllm_takes() -> None:
    assert [rank_to_ask_for(rank) for rank in (1, 8, 20, 64, 300, 513)] == [1, 8, 32, 64, 320, None]


def test_limits_of_ray_serve_llm() -> None:
    limits = limits_of_keywords({"enable_lora": True, "max_loras": 4, "max_lora_rank": 8})
    assert (limits.max_loras, limits.max_cpu_loras, limits.max_rank, limits.problem) == (4, 4, 8, "")
    assert limits.option("--max-lora-rank", 16) == "max_lora_rank: 16 in engine_kwargs"
    assert "enable_lora: true" in limits_of_keywords({}).problem
    assert limits_of_keywords({}, "no lora_config").problem == "no lora_config"
