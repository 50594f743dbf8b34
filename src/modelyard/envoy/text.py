"""Commented YAML. Quoted wherever a reader could take text for something else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from modelyard.envoy.api import NOTE

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
_WIDTH = 100


def commented_yaml(value: dict[str, Any], head: Iterable[str] = ()) -> str:
    """``value`` as one document; ``head`` are the lines of the comment above it."""
    lines = [f"# {line}".rstrip() for line in head]
    return "\n".join([*lines, *_mapping(value, 0), ""])


def _mapping(value: dict[str, Any], depth: int) -> Iterator[str]:
    for key, item in value.items():
        if key == NOTE:
            yield from _comment(item, depth)
        else:
            yield from _entry(f"{_scalar(key)}:", item, depth)


def _entry(head: str, value: Any, depth: int) -> Iterator[str]:
    pad = "  " * depth
    if isinstance(value, dict) and value:
        yield f"{pad}{head}"
        yield from _mapping(value, depth + 1)
    elif isinstance(value, list) and value:
        yield f"{pad}{head}"
        yield from _items(value, depth)
    elif isinstance(value, str) and "\n" in value:
        yield f"{pad}{head} |"
        yield from (f"{pad}  {line}" for line in value.removesuffix("\n").split("\n"))
    else:
        yield f"{pad}{head} {_scalar(value)}"


def _items(values: list[Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for value in values:
        if isinstance(value, dict) and value:
            yield from _comment(value.get(NOTE, ""), depth)
            rest = {key: item for key, item in value.items() if key != NOTE}
            first, *others = _mapping(rest, depth + 1)
            yield f"{pad}- {first.lstrip()}"
            yield from others
        else:
            yield f"{pad}- {_scalar(value)}"


def _comment(text: str, depth: int) -> Iterator[str]:
    pad = "  " * depth
    line = ""
    for word in text.split():
        if line and len(pad) + len(line) + len(word) > _WIDTH:
            yield f"{pad}# {line}"
            line = ""
        line = f"{line} {word}".strip()
    if line:
        yield f"{pad}# {line}"


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if plain else _quoted(value)
    return json.dumps(value)


def _quoted(text: str) -> str:
    """As JSON, but for letters beyond 16 bits, which JSON writes as two halves and YAML as they are."""
    plain = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", plain)
