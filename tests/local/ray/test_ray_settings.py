from __future__ import annotations

from modelyard.local.ray.ray_settings import apply_environment


def test_the_table_wins_over_the_manifest_and_says_so():
    env, settings = apply_environment({"RAY_AUTH_MODE": "disabled", "MINE": "1"}, has_gpu=True, cores=8)
    assert env["RAY_AUTH_MODE"] == "token"
    assert env["MINE"] == "1"
    assert {s.setting: s.change for s in settings}["env RAY_AUTH_MODE"] == "token (was disabled)"
    assert "OMP_NUM_THREADS" not in env


def test_without_a_gpu_threads_are_shared():
    env, _ = apply_environment({"OMP_NUM_THREADS": "3"}, has_gpu=False, cores=8)
    assert env["OMP_NUM_THREADS"] == "3"
    assert env["VLLM_CPU_OMP_THREADS_BIND"] == "nobind"
    assert apply_environment({}, has_gpu=False, cores=8)[0]["OMP_NUM_THREADS"] == "4"
