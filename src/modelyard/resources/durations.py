"""Durations as Gateway API and Kubernetes write them, in seconds."""

from __future__ import annotations

import re

_GATEWAY_DURATION = re.compile(r"([0-9]{1,5}(h|ms|m|s)){1,4}", re.ASCII)
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(h|ms|us|µs|ns|m|s)", re.ASCII)
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}


def parse_duration(text: str) -> float:
    """Seconds of a Gateway API duration such as ``1h30m`` or ``500ms`` (GEP-2257).

    One to four parts of one to five digits each, units ``h``, ``m``, ``s``, ``ms``; no fractions, no sign.
    Raises ValueError for anything else.
    """
    if not _GATEWAY_DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is not a duration; write it like 10s, 1h30m or 500ms, without fractions")
    return _sum(text)


def parse_go_duration(text: str) -> float:
    """Seconds of a Go duration such as ``1.5h`` or ``2s500ms``, as EndpointPickerConfig uses. Not negative.

    Raises ValueError for anything else.
    """
    if text == "0":
        return 0.0
    if not re.fullmatch(f"(?:{_PART.pattern})+", text, re.ASCII):
        raise ValueError(f"{text!r} is not a duration; write it like 60s, 1.5h or 500ms")
    return _sum(text)


def _sum(text: str) -> float:
    return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
