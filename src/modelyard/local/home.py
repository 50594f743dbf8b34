"""Where the state of a running yard lives (design section 5)."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Home(msgspec.Struct, frozen=True):
    """The directory of one yard; ``~/.modelyard`` unless told (``--home``)."""

    root: Path

    @classmethod
    def at(cls, path: str | Path | None = None) -> Home:
        """The home at ``path``, made absolute; the default one for None. Makes nothing."""
        return cls(Path(path).expanduser().absolute() if path else Path.home() / ".modelyard")

    @property
    def logs(self) -> Path:
        """One file per replica: ``<namespace>_<name>.log`` and its rotated predecessors."""
        return self.root / "logs"

    @property
    def replicas(self) -> Path:
        """One directory per replica: its mounted files, emptyDir volumes and temporary files."""
        return self.root / "replicas"

    @property
    def caches(self) -> Path:
        """What engines compile, for all replicas and all yards to come."""
        return self.root / "caches"

    @property
    def volumes(self) -> Path:
        """One directory per PersistentVolumeClaim: ``<namespace>/<claim>``."""
        return self.root / "volumes"

    @property
    def state_file(self) -> Path:
        """Replicas and Ray clusters of the latest yard, for whoever looks while no yard can be asked."""
        return self.root / "state.json"

    def log_of(self, namespace: str, name: str) -> Path:
        return self.logs / f"{namespace}_{name}.log"
