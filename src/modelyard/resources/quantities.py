"""Kubernetes quantities (``500m``, ``2Gi``, ``1e3``) as exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal

Quantity = str | int | float
"""As written; ``parse_quantity`` gives its value."""

_QUANTITY = re.compile(
    r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE])|[eE]([+-]?[0-9]{1,3}))?",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_SCALE = {
    "": Decimal(1),
    **{suffix: Decimal(10) ** power for suffix, power in _DECIMAL.items()},
    **{suffix: Decimal(2) ** power for suffix, power in _BINARY.items()},
}


def parse_quantity(value: Quantity) -> Decimal:
    """The number that a quantity stands for. Raises ValueError for anything else.

    ``Decimal``, because ``0.1`` CPU ten times must be one CPU.
    """
    found = _QUANTITY.fullmatch(str(value))
    if isinstance(value, bool) or found is None:
        raise ValueError(f"{value!r} is not a quantity; write it like 2, 500m, 1.5 or 8Gi")
    number, suffix, exponent = found.groups()
    scale = Decimal(10) ** int(exponent) if exponent else _SCALE[suffix or ""]
    return Decimal(number) * scale
