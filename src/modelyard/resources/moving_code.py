"""Applications of RayServices whose code is the archive of a branch: what it is depends on when it is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator

from modelyard.resources.ray_service import RayService
from modelyard.resources.serve_config import ServeApplication, read_serve_config
from modelyard.resources.unsupported import Unsupported

_BRANCH = re.compile(
    r"https?://.*/archive/(?:refs/heads/)?(?!refs/tags/)(?![0-9a-f]{40}\.)([\w.-]+?)\.(?:zip|tar\.gz)", re.ASCII
)


def branch_of(address: object) -> str:
    """The branch whose archive is at ``address``; empty for a commit's, a tag's, or anything else."""
    found = _BRANCH.fullmatch(address) if isinstance(address, str) else None
    return found[1] if found is not None else ""


def moving_archive(app: ServeApplication) -> str:
    """Address of the archive that is the application's working directory; empty: its code stands still."""
    address = app.runtime_env.get("working_dir")
    return str(address) if branch_of(address) else ""


def moving_archives(service: RayService) -> Iterator[str]:
    """Those of all its applications."""
    config = read_serve_config(service.spec.serve_config_v2).config
    for app in config.applications if config is not None else ():
        address = moving_archive(app)
        if address:
            yield address


def set_aside(one: RayService, other: RayService) -> tuple[RayService, Unsupported] | None:
    """Of two RayServices with one name, where only one has code that stands still: that one, and the other with the
    reason why it is not used. None: neither is to be preferred.

    Two such variants in one folder are alternatives; on a cluster the one that is applied last would win.
    """
    moving = [next(moving_archives(service), "") for service in (one, other)]
    if bool(moving[0]) == bool(moving[1]):
        return None
    kept, left, address = (other, one, moving[0]) if moving[0] else (one, other, moving[1])
    reason = (
        f"the RayService of the same name at {kept.origin} is run instead: the code of this one is {address}, "
        f"the archive of a branch, which is another one after each change there"
    )
    return kept, Unsupported(
        api_version=left.api_version, kind=left.kind, metadata=left.metadata, origin=left.origin, reason=reason
    )
