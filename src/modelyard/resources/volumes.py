"""Volumes of a Pod (Kubernetes core ``v1``). Sources without a local meaning are kept by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.resources.bases import Lenient


class KeyToPath(Lenient, frozen=True, kw_only=True):
    """One key and the file it becomes."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapVolumeSource(Lenient, frozen=True, kw_only=True):
    """A ConfigMap as files."""

    name: str
    items: tuple[KeyToPath, ...] = ()
    default_mode: int = 0o644
    optional: bool = False


class SecretVolumeSource(Lenient, frozen=True, kw_only=True):
    """A Secret as files."""

    secret_name: str
    items: tuple[KeyToPath, ...] = ()
    default_mode: int = 0o644
    optional: bool = False


class EmptyDirVolumeSource(Lenient, frozen=True, kw_only=True):
    """A folder that lives as long as the Pod."""

    medium: str = ""
    """``Memory``: in RAM."""
    size_limit: str | int | None = None
    """Quantity, for example ``2Gi``."""


class HostPathVolumeSource(Lenient, frozen=True, kw_only=True):
    """A path of the machine."""

    path: str
    type: str = ""


class PersistentVolumeClaimVolumeSource(Lenient, frozen=True, kw_only=True):
    """A claim."""

    claim_name: str
    read_only: bool = False


class CSIVolumeSource(Lenient, frozen=True, kw_only=True):
    """A volume of a CSI driver, for example a bucket through ``gcsfuse.csi.storage.gke.io``."""

    driver: str
    read_only: bool = False
    volume_attributes: Mapping[str, str] = {}


class Volume(Lenient, frozen=True, kw_only=True):
    """A volume. Without any source it is an empty folder, as on Kubernetes."""

    name: str
    config_map: ConfigMapVolumeSource | None = None
    secret: SecretVolumeSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    host_path: HostPathVolumeSource | None = None
    persistent_volume_claim: PersistentVolumeClaimVolumeSource | None = None
    csi: CSIVolumeSource | None = None
    projected: Mapping[str, Any] | None = None
    downward_api: Mapping[str, Any] | None = msgspec.field(default=None, name="downwardAPI")
    image: Mapping[str, Any] | None = None
    ephemeral: Mapping[str, Any] | None = None
    nfs: Mapping[str, Any] | None = None

    @property
    def source(self) -> str:
        """API name of the source that is set, for messages; ``emptyDir`` when none is."""
        for field, name in _SOURCES.items():
            if getattr(self, field) is not None:
                return name
        return "emptyDir"


_SOURCES = {
    field: Volume.__struct_encode_fields__[index]
    for index, field in enumerate(Volume.__struct_fields__)
    if field != "name"
}


class VolumeMount(Lenient, frozen=True, kw_only=True):
    """Where a container sees a volume."""

    name: str
    mount_path: str
    sub_path: str = ""
    sub_path_expr: str = ""
    read_only: bool = False


class VolumeDevice(Lenient, frozen=True, kw_only=True):
    """Where a container sees a claim as a block device (``volumeMode: Block``)."""

    name: str
    device_path: str
