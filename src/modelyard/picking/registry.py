"""All policies there are, found in the three packages: adding one is adding a file."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from modelyard.picking import filters, pickers, scorers
from modelyard.picking.policy import Filter, Picker, Policy, Scorer


def _found(package: ModuleType, contract: type[Policy[Any]]) -> Mapping[str, Any]:
    """Policies that the package's modules define, by type name."""
    policies: dict[str, Any] = {}
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, contract) and item.__module__ == module.__name__:
                if item.type in policies:
                    raise TypeError(f"{item.__module__}: {item.type} is defined twice")
                policies[item.type] = item
    return policies


FILTERS: Mapping[str, type[Filter[Any]]] = _found(filters, Filter)
SCORERS: Mapping[str, type[Scorer[Any]]] = _found(scorers, Scorer)
PICKERS: Mapping[str, type[Picker]] = _found(pickers, Picker)
