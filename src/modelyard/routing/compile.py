"""Resources compiled into the route table and everyone's status."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from modelyard.routing.statuses import Statuses
from modelyard.routing.table import RouteTable

if TYPE_CHECKING:
    from modelyard.resources import ResourceSet


@dataclass(slots=True, frozen=True, eq=False)
class Compiled:
    """What one snapshot's resources come to."""

    table: RouteTable
    statuses: Statuses


def compile_routes(resources: ResourceSet, *, gateway_class: str | None = None) -> Compiled:
    """Attach every HTTPRoute and compile its rules. Bad resources never raise: conditions tell.

    ``gateway_class``: only Gateways of this class are ours; None: all are (local mode).
    """
    raise NotImplementedError
