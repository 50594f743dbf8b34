"""``encode-filter``: endpoints that encode."""

from __future__ import annotations

from modelyard.picking.roles import RoleFilter


class EncodeFilter(RoleFilter):
    """Keeps endpoints whose role includes encode."""

    type = "encode-filter"
    stage = "encode"
