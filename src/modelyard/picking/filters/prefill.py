"""``prefill-filter``: endpoints that prefill."""

from __future__ import annotations

from modelyard.picking.roles import RoleFilter


class PrefillFilter(RoleFilter):
    """Keeps endpoints whose role includes prefill."""

    type = "prefill-filter"
    stage = "prefill"
