"""Accelerators by the names under which node selectors and Ray know them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

GIB = 1024**3
MIB = 1024**2

GKE_ACCELERATOR = "cloud.google.com/gke-accelerator"
"""GKE's node label. https://cloud.google.com/kubernetes-engine/docs/how-to/gpus"""
NVIDIA_PRODUCT = "nvidia.com/gpu.product"
"""Label of NVIDIA's GPU feature discovery, for example ``NVIDIA-L4`` or ``NVIDIA-A100-SXM4-80GB``."""


class Accelerator(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of GPU."""

    name: str
    memory: int
    """Bytes that the driver reports; a little less than the name says."""
    per_node: tuple[int, ...]
    """How many a node of Google Cloud can have, ascending."""
    gke: str = ""
    """Value of the GKE label."""
    ray: str = ""
    """Ray's ``accelerator_type``."""
    product: str = ""
    """Beginning of the value of NVIDIA's product label."""


ACCELERATORS: tuple[Accelerator, ...] = (
    Accelerator(
        name="NVIDIA T4", memory=15360 * MIB, per_node=(1, 2, 4), gke="nvidia-tesla-t4", ray="T4", product="Tesla-T4"
    ),
    Accelerator(
        name="NVIDIA V100", memory=16384 * MIB, per_node=(1, 2, 4, 8), gke="nvidia-tesla-v100", ray="V100",
        product="Tesla-V100",
    ),
    Accelerator(
        name="NVIDIA L4", memory=23034 * MIB, per_node=(1, 2, 4, 8), gke="nvidia-l4", ray="L4", product="NVIDIA-L4"
    ),
    Accelerator(name="NVIDIA A10G", memory=23028 * MIB, per_node=(1, 4, 8), ray="A10G", product="NVIDIA-A10G"),
    Accelerator(
        name="NVIDIA A100 80 GB", memory=81920 * MIB, per_node=(1, 2, 4, 8), gke="nvidia-a100-80gb", ray="A100-80G",
        product="NVIDIA-A100-SXM4-80GB",
    ),
    Accelerator(
        name="NVIDIA A100 40 GB", memory=40960 * MIB, per_node=(1, 2, 4, 8, 16), gke="nvidia-tesla-a100",
        ray="A100-40G", product="NVIDIA-A100",
    ),
    Accelerator(
        name="NVIDIA H100 80 GB", memory=81559 * MIB, per_node=(1, 2, 4, 8), gke="nvidia-h100-80gb", ray="H100",
        product="NVIDIA-H100",
    ),
    Accelerator(name="NVIDIA H100 80 GB (Mega)", memory=81559 * MIB, per_node=(8,), gke="nvidia-h100-mega-80gb"),
    Accelerator(
        name="NVIDIA H200", memory=143771 * MIB, per_node=(8,), gke="nvidia-h200-141gb", ray="H200",
        product="NVIDIA-H200",
    ),
    Accelerator(
        name="NVIDIA B200", memory=183359 * MIB, per_node=(8,), gke="nvidia-b200", ray="B200", product="NVIDIA-B200"
    ),
)  # fmt: skip


def selected_accelerator(node_selector: Mapping[str, str]) -> tuple[Accelerator | None, str]:
    """The accelerator that a Pod's node selector asks for, and the label's value; None for one that this table does not
    have, with an empty value where no such label is given."""
    if value := node_selector.get(GKE_ACCELERATOR, ""):
        return next((one for one in ACCELERATORS if one.gke == value), None), value
    if value := node_selector.get(NVIDIA_PRODUCT, ""):
        return next((one for one in ACCELERATORS if one.product and value.startswith(one.product)), None), value
    return None, ""


def ray_accelerator(accelerator_type: str) -> Accelerator | None:
    """The accelerator of a Ray ``accelerator_type``. A plain ``A100`` is the smaller one, as Ray does not tell."""
    wanted = "A100-40G" if accelerator_type == "A100" else accelerator_type
    return next((one for one in ACCELERATORS if one.ray == wanted), None)
