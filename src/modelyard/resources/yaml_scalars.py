"""What an unquoted YAML scalar means: as Kubernetes' own reader takes it, which ends in JSON values.

Against PyYAML's defaults there are no dates, no base-60 numbers, no infinities; ``1e3`` is a number.
"""

from __future__ import annotations

import math
import re

Scalar = str | int | float | bool | None

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"), True),
    **dict.fromkeys(("false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"), False),
}
_NUMBER_START = frozenset("0123456789+-.")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}", re.ASCII)
_BASED = re.compile(r"[-+]?0(?:x[0-9a-fA-F]{1,15}|o[0-7]{1,20}|b[01]{1,60})", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]{1,400}|[0-9]{1,400}(?:\.[0-9]{0,400})?)(?:[eE][-+]?[0-9]{1,4})?", re.ASCII)
_OCTAL = re.compile(r"[-+]?0[0-7]+", re.ASCII)


def plain_scalar(text: str) -> Scalar:
    """The value of an unquoted scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START:
        return text
    return _number(text)


def tagged_scalar(tag: str, text: str) -> Scalar:
    """The value of a scalar with an explicit tag such as ``!!str``. Raises ValueError where it has none."""
    kind = tag.removeprefix("tag:yaml.org,2002:")
    if tag == "!" or kind == "str":
        return text
    value = plain_scalar(text)
    expected: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "bool": (bool,),
        "null": (type(None),),
    }
    if kind not in expected or kind == tag:
        raise ValueError(f"the YAML tag {tag!r} is not supported; remove it")
    if type(value) not in expected[kind]:
        raise ValueError(f"{text[:80]!r} does not fit its YAML tag !!{kind}")
    return float(value) if kind == "float" and isinstance(value, int) else value


def _number(text: str) -> Scalar:
    if _OCTAL.fullmatch(text) and len(text) < 20:
        return int(text, 8)
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        return value if math.isfinite(value) else text
    return text
