"""Which changes of a replica's plan need another process. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.local.replica_plan import ReplicaPlan


def needs_restart(old: ReplicaPlan, new: ReplicaPlan) -> bool:
    """Whether a replica must be replaced. Labels and the content of mounted files change while it runs; service links
    and the end of its life are read when they are needed."""
    same: dict[str, Any] = {
        "labels": {},
        "files": (),
        "settings": (),
        "paths": {},
        "origins": {},
        "grace": 0.0,
        "pre_stop": None,
        "service_links": {},
    }
    return msgspec.structs.replace(old, **same) != msgspec.structs.replace(new, **same)
