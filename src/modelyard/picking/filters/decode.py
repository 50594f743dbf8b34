"""``decode-filter``: endpoints that decode."""

from __future__ import annotations

from modelyard.picking.roles import RoleFilter


class DecodeFilter(RoleFilter):
    """Keeps endpoints whose role includes decode, and those without a role: they serve whole requests."""

    type = "decode-filter"
    stage = "decode"
    keeps_unlabelled = True
