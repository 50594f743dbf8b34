from __future__ import annotations

import pytest

from modelyard.sizing.accelerators import ACCELERATORS, ray_accelerator, selected_accelerator


@pytest.mark.parametrize(
    ("selector", "name"),
    [
        ({"cloud.google.com/gke-accelerator": "nvidia-l4", "pool-type": "l4-2-sb"}, "NVIDIA L4"),
        ({"cloud.google.com/gke-accelerator": "nvidia-tesla-a100"}, "NVIDIA A100 40 GB"),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}, "NVIDIA A100 80 GB"),
        ({"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}, "NVIDIA A100 40 GB"),
        ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}, "NVIDIA H100 80 GB"),
    ],
)
def test_node_selectors(selector, name):
    found, _ = selected_accelerator(selector)
    assert found is not None
    assert found.name == name


def test_an_unknown_label_is_given_back():
    assert selected_accelerator({"cloud.google.com/gke-accelerator": "nvidia-l5"}) == (None, "nvidia-l5")
    assert selected_accelerator({"disktype": "ssd"}) == (None, "")


def test_ray_names():
    assert {one.ray: one for one in ACCELERATORS if one.ray}["L4"] is ray_accelerator("L4")
    assert ray_accelerator("A100").name == "NVIDIA A100 40 GB"
    assert ray_accelerator("ABACUS") is None


def test_names_tell_them_apart():
    for names in ([one.gke for one in ACCELERATORS if one.gke], [one.ray for one in ACCELERATORS if one.ray]):
        assert len(names) == len(set(names))
    assert all(tuple(sorted(one.per_node)) == one.per_node for one in ACCELERATORS)
