"""What the admin API can do beyond showing: one file per family of commands, each with ``routes(yard)``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelyard.control.commands import adapters, rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from modelyard.admin.route import Route
    from modelyard.control.yard import Yard

ALL: tuple[Callable[[Yard], Iterable[Route]], ...] = (adapters.routes, rollouts.routes)
"""The families, in the order in which the documentation lists them."""


def command_routes(yard: Yard) -> tuple[Route, ...]:
    """Every route of every family."""
    return tuple(route for family in ALL for route in family(yard))
