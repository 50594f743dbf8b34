"""Volumes of a Pod as folders of this machine, and the paths that lead to them.

A process here has no mount namespace of its own. So each volume becomes a folder, and where a command or an
environment value contains a path under a volume's ``mountPath``, the path is rewritten to that folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from modelyard.local.environment import Sources, expand
from modelyard.local.replica_plan import AppliedSetting, LocalFile
from modelyard.resources.source_table import SourceTable

if TYPE_CHECKING:
    from modelyard.resources.pods import Container, PodSpec
    from modelyard.resources.volumes import (
        ConfigMapVolumeSource,
        KeyToPath,
        SecretVolumeSource,
        Volume,
        VolumeMount,
    )

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - the mount path that manifests use, not a temporary file
_OF_THE_REPLICA = ("emptyDir", "ephemeral", "downwardAPI", "projected")
"""Sources that live and die with a Pod."""


BUCKET_DRIVER = "gcsfuse.csi.storage.gke.io"
"""The CSI driver that mounts a bucket of Google Cloud Storage."""


class VolumePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What the volumes of one replica need, and where its paths lead."""

    paths: Mapping[str, str] = {}
    """Mount path -> local path."""
    files: tuple[LocalFile, ...] = ()
    directories: tuple[str, ...] = ()
    origins: Mapping[str, str] = {}
    """Mount path -> source of what the volume holds, where it is known (``gs://bucket/folder``, ``demo://``)."""
    settings: tuple[AppliedSetting, ...] = ()
    missing: tuple[str, ...] = ()
    """Objects that a volume needs and no manifest has."""


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where the folders of one replica lie."""

    directory: str
    """The replica's own directory."""
    claims: str
    """Folder of the claims of this namespace."""
    sources: Mapping[str, str] = {}
    """Claim name -> source of its content (annotation ``modelyard.dev/weights``)."""
    table: SourceTable = SourceTable()
    """What the user says about mount paths and buckets."""


def plan_volumes(
    spec: PodSpec, container: Container, sources: Sources, places: Places, values: Mapping[str, str]
) -> VolumePlan:
    """The volumes that ``container`` mounts. ``values``: its environment, for ``subPathExpr``."""
    by_name = {volume.name: volume for volume in spec.volumes}
    plan = _Builder(sources, places)
    for mount in container.volume_mounts:
        volume = by_name.get(mount.name)
        if volume is None:
            plan.missing.append(f"volume {mount.name} is mounted at {mount.mount_path} but not defined")
        elif mount.mount_path.rstrip("/") == SHARED_MEMORY:
            plan.note(mount, "left as it is", "this machine's own shared memory is used")
        else:
            plan.mount(mount, volume, values)
    return plan.built()


class _Builder:
    """Collects one VolumePlan, mount by mount."""

    def __init__(self, sources: Sources, places: Places) -> None:
        self.sources, self.places = sources, places
        self.paths: dict[str, str] = {}
        self.files: dict[str, LocalFile] = {}
        self.directories: dict[str, None] = {}
        self.origins: dict[str, str] = {}
        self.settings: list[AppliedSetting] = []
        self.missing: list[str] = []

    def built(self) -> VolumePlan:
        return VolumePlan(
            paths=self.paths,
            files=tuple(self.files.values()),
            directories=tuple(self.directories),
            origins=self.origins,
            settings=tuple(self.settings),
            missing=tuple(self.missing),
        )

    def note(self, mount: VolumeMount, change: str, reason: str) -> None:
        self.settings.append(AppliedSetting(setting=f"mount {mount.mount_path}", change=change, reason=reason))

    def mount(self, mount: VolumeMount, volume: Volume, values: Mapping[str, str]) -> None:
        below = expand(mount.sub_path_expr, values) if mount.sub_path_expr else mount.sub_path
        if ".." in below.split("/"):
            self.missing.append(f"volume {volume.name}: subPath {below!r} leads out of the volume")
            return
        place = mount.mount_path.rstrip("/") or "/"
        origin = self._origin(volume)
        if origin:
            self.origins[place] = f"{origin}/{below}" if below and not origin.endswith("://") else origin
        chosen = self.places.table.find(place, self.origins.get(place, ""))
        if chosen is not None and chosen.kind == "path":
            self.paths[place] = chosen.name.rstrip("/")
            self.note(mount, f"-> {chosen.name}", f"volume {volume.name} is said to be this folder (--source)")
            return
        root, what = self._root(volume)
        local = f"{root}/{below}" if below else root
        self.paths[place] = local
        self.note(mount, f"-> {local}", f"volume {volume.name} ({what}) is a folder here")

    def _origin(self, volume: Volume) -> str:
        """The source of what a volume holds; empty: it is a folder that somebody fills."""
        if volume.persistent_volume_claim is not None:
            return self.places.sources.get(volume.persistent_volume_claim.claim_name, "")
        return bucket_of(volume)

    def _root(self, volume: Volume) -> tuple[str, str]:
        """The folder of a volume, and what it is in a few words."""
        own = f"{self.places.directory}/volumes/{volume.name}"
        if volume.host_path is not None:
            return volume.host_path.path.rstrip("/"), "hostPath"
        if volume.persistent_volume_claim is not None:
            return self._claim(volume.persistent_volume_claim.claim_name), "claim"
        if volume.config_map is not None:
            self._config_map(volume.name, volume.config_map)
        elif volume.secret is not None:
            self._secret(volume.name, volume.secret)
        elif bucket_of(volume):
            return self._claim(volume.name), f"bucket {bucket_of(volume)}; the models in it are fetched"
        elif volume.source not in _OF_THE_REPLICA:
            return self._claim(volume.name), f"{volume.source}; fill the folder yourself"
        self.directories[own] = None
        return own, volume.source

    def _claim(self, name: str) -> str:
        folder = f"{self.places.claims}/{name}"
        self.directories[folder] = None
        return folder

    def _config_map(self, volume: str, source: ConfigMapVolumeSource) -> None:
        config = self.sources.config_maps.get(source.name)
        if config is not None:
            content = {key: text.encode() for key, text in config.data.items()} | dict(config.binary_data)
            self._write(volume, f"ConfigMap {source.name}", source, content.get, tuple(content))
        elif not source.optional:
            self.missing.append(f"ConfigMap {self.sources.namespace}/{source.name} is in no manifest")

    def _secret(self, volume: str, source: SecretVolumeSource) -> None:
        secret = self.sources.secrets.get(source.secret_name)
        if secret is not None:
            self._write(volume, f"Secret {source.secret_name}", source, secret.value, secret.keys(), private=True)
        elif not source.optional:
            self.missing.append(f"Secret {self.sources.namespace}/{source.secret_name} is in no manifest")

    def _write(
        self,
        volume: str,
        what: str,
        source: ConfigMapVolumeSource | SecretVolumeSource,
        value: Callable[[str], bytes | None],
        keys: tuple[str, ...],
        private: bool = False,
    ) -> None:
        """One file per key, or per item where items are given. Files of a Secret are for this user only."""
        for path, key, mode in _items(source.items, keys, source.default_mode):
            content = value(key)
            if content is None:
                if not source.optional:
                    self.missing.append(f"{what} has no key {key}")
            elif path.startswith("/") or ".." in path.split("/"):
                self.missing.append(f"{what}: path {path!r} leads out of the volume")
            else:
                file = f"volumes/{volume}/{path}"
                self.files[file] = LocalFile(path=file, content=content, mode=mode & (0o700 if private else 0o777))


def _items(items: tuple[KeyToPath, ...], keys: tuple[str, ...], mode: int) -> list[tuple[str, str, int]]:
    if not items:
        return [(key, key, mode) for key in keys]
    return [(item.path, item.key, mode if item.mode is None else item.mode) for item in items]


def bucket_of(volume: Volume) -> str:
    """``gs://bucket/folder`` of a volume that mounts a bucket; empty: it is no such volume."""
    if volume.csi is None or volume.csi.driver != BUCKET_DRIVER:
        return ""
    attributes = volume.csi.volume_attributes
    options = attributes.get("mountOptions", "").split(",")
    only = next((text.partition("=")[2] for text in options if text.strip().startswith("only-dir")), "")
    return f"gs://{attributes.get('bucketName', '')}/{only.strip('/ ')}".rstrip("/")


def rewrite_paths(text: str, paths: Mapping[str, str]) -> str:
    """``text`` with every path under a mount path led to its folder; the longest mount path wins.

    A path begins where no other path goes on: ``name=/models/x`` is one, ``https://host/models/x`` is none.
    """
    mounts = sorted((path for path in paths if path != "/"), key=len, reverse=True)
    if not mounts:
        return text
    pattern = r"(?<![\w./~-])(" + "|".join(map(re.escape, mounts)) + r")(?![\w.-])"
    return re.sub(pattern, lambda found: paths[found[1]], text)
