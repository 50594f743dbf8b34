from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from modelyard.sizing.accelerators import ACCELERATORS, GIB, selected_accelerator
from modelyard.sizing.demand import ReplicaDemand
from modelyard.sizing.memory_findings import memory_findings, memory_need
from modelyard.sizing.model_shapes import KNOWN_MODELS, shape_of

L4 = selected_accelerator({"cloud.google.com/gke-accelerator": "nvidia-l4"})[0]


def demand(model, **changes):
    given = {"object": "Deployment default/d", "model": model, "gpus_per_pod": 1, "accelerator": L4}
    return ReplicaDemand(**(given | changes))


def messages(one):
    return [f"{found.message} => {found.advice}" for found in memory_findings(one, shape_of(one.model))]


def test_a_small_model_fits():
    assert messages(demand("google/gemma-2b-it")) == []


def test_a_long_context_does_not_fit_the_cache():
    """Llama 3.1 8B in bfloat16 on one L4: 15 GiB of weights, 128 KiB per token, 131,072 tokens wanted."""
    (found,) = messages(demand("meta-llama/Llama-3.1-8B-Instruct"))
    assert "less than one sequence of 131,072" in found
    tokens = int(found.rpartition("--max-model-len=")[2].split()[0])
    assert 20_000 < tokens < 40_000
    assert messages(demand("meta-llama/Llama-3.1-8B-Instruct", max_model_len=tokens)) == []


def test_weights_that_do_not_fit():
    (found,) = messages(demand("meta-llama/Llama-3.1-70B-Instruct"))
    assert "it will not start" in found
    gpus = int(found.partition("over ")[2].split()[0])
    assert gpus == 8
    assert not [
        one
        for one in messages(demand("meta-llama/Llama-3.1-70B-Instruct", tensor_parallel=gpus, max_model_len=8192))
        if "will not start" in one
    ]


def test_quantization_counts():
    assert messages(demand("acme/chat-30B-awq", quantization="awq")) == []
    assert "will not start" in messages(demand("acme/chat-30B-awq"))[0]


def test_nothing_is_said_without_knowledge():
    assert messages(demand("acme/model")) == []
    assert messages(demand("meta-llama/Llama-3.1-70B-Instruct", accelerator=None)) == []


@given(
    st.sampled_from(sorted(KNOWN_MODELS)),
    st.sampled_from(ACCELERATORS),
    st.sampled_from([1, 2, 4, 8]),
    st.sampled_from([1, 2, 4]),
    st.floats(0.1, 1.0),
)
def test_more_gpus_never_hold_less(model, accelerator, tensor, pipeline, share):
    one = demand(
        model, accelerator=accelerator, tensor_parallel=tensor, pipeline_parallel=pipeline, memory_utilization=share
    )
    shape = shape_of(model)
    need = memory_need(one, shape)
    more = memory_need(msgspec.structs.replace(one, tensor_parallel=2 * tensor), shape)
    assert more.tokens >= need.tokens
    assert more.weights == need.weights / 2
    assert need.tokens * need.kv_per_token <= max(need.left, 0) + 1
    assert need.usable <= accelerator.memory < 200 * GIB
