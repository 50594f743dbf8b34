from __future__ import annotations

import pytest

from modelyard.local import arguments as argv
from modelyard.local.cpu_settings import CPU_TABLE, apply_cpu_table
from modelyard.local.replica_plan import Machine

MACHINE = Machine(has_gpu=False, cores=4, memory_bytes=32 << 30, node_name="n", loopback_range=True)
GIVEN_FOR_GPU = (
    "--gpu-memory-utilization=0.85",
    "--tensor-parallel-size",
    "2",
    "--device",
    "cuda",
    "--kv-cache-dtype=fp8",
    "--enable-expert-parallel",
    "--max-model-len=512",
)


def test_what_means_a_gpu_is_dropped_and_shown() -> None:
    result = apply_cpu_table(GIVEN_FOR_GPU, {"LD_LIBRARY_PATH": "/usr/local/nvidia/lib64"}, MACHINE)
    for flag in ("--gpu-memory-utilization", "--tensor-parallel-size", "--device", "--kv-cache-dtype"):
        assert argv.values(result.arguments, flag) is None
    assert argv.value(result.arguments, "--max-model-len") == "512"
    assert "LD_LIBRARY_PATH" not in result.env
    shown = {row.setting: row.change for row in result.settings}
    assert shown["--tensor-parallel-size"] == "dropped (was 2)"
    assert shown["--enable-expert-parallel"] == "dropped"
    assert shown["LD_LIBRARY_PATH"] == "dropped (was /usr/local/nvidia/lib64)"


def test_what_is_added() -> None:
    result = apply_cpu_table(("--model=m",), {}, MACHINE)
    assert result.arguments == (
        "--model=m",
        f"--kv-cache-memory-bytes={1 << 30}",
        "--enforce-eager",
        "--distributed-executor-backend=uni",
        "--max-num-seqs=64",
    )
    assert result.env == {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": "2",
    }


def test_the_manifest_is_never_overruled() -> None:
    backend = "--distributed-executor-backend=uni"
    given = ("--model=m", "--kv-cache-memory-bytes=5", "--enforce-eager", "--max-num-seqs=3", backend)
    env = {
        "VLLM_CPU_OMP_THREADS_BIND": "0-1",
        "OMP_NUM_THREADS": "1",
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "LD_LIBRARY_PATH": "/opt/lib",
    }
    result = apply_cpu_table(given, env, MACHINE)
    assert (result.arguments, result.env, result.settings) == (given, env, ())


def test_the_other_way_to_size_the_cache_counts() -> None:
    result = apply_cpu_table((), {"VLLM_CPU_KVCACHE_SPACE": "1"}, MACHINE)
    assert argv.values(result.arguments, "--kv-cache-memory-bytes") is None


def test_applying_twice_changes_nothing_more() -> None:
    once = apply_cpu_table(GIVEN_FOR_GPU, {}, MACHINE)
    twice = apply_cpu_table(once.arguments, once.env, MACHINE)
    assert (twice.arguments, twice.env, twice.settings) == (once.arguments, once.env, ())


@pytest.mark.parametrize("row", CPU_TABLE, ids=lambda row: row.name)
def test_every_row_says_why(row: object) -> None:
    assert len(row.reason) > 10  # type: ignore[attr-defined]
