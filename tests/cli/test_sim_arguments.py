from __future__ import annotations

import msgspec
import pytest

from modelyard.cli.sim_arguments import expanded, lora_modules


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], []),
        (["m", "--port", "1"], ["--model", "m", "--port", "1"]),
        (["--max_num_seqs", "4"], ["--max-num-seqs", "4"]),
        (["--max_num_seqs=4"], ["--max-num-seqs=4"]),
        (["--lora-modules", "a=/a_b", "b=/b"], ["--lora-modules", "a=/a_b", "--lora-modules", "b=/b"]),
        (["--served-model-name=x", "y"], ["--served-model-name=x", "--served-model-name", "y"]),
        (["--lora", "a=/a", "--port", "1"], ["--lora", "a=/a", "--port", "1"]),
        (["--dtype", "x", "y"], ["--dtype", "x", "y"]),
    ],
)
def test_arguments_are_read_as_vllm_reads_them(arguments: list[str], expected: list[str]) -> None:
    assert expanded(arguments) == expected


def test_adapters_come_as_pairs_or_json() -> None:
    found = lora_modules(["a=/a=b", '{"name": "b", "path": "/b", "base_model_name": "m"}'])
    assert found == {"a": "/a=b", "b": "/b"}


@pytest.mark.parametrize("value", ["a", "=x", "a=", '{"name": "b"}', "{"])
def test_anything_else_is_refused(value: str) -> None:
    with pytest.raises((ValueError, msgspec.MsgspecError)):
        lora_modules([value])
