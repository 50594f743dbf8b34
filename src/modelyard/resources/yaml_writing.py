"""Plain values -> YAML text that this package's own reader, and Kubernetes' reader, take for the same values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from modelyard.resources.yaml_scalars import plain_scalar


def yaml_documents(values: Iterable[Any], comments: Iterable[str] = ()) -> str:
    """One document per value, keys in their order, no aliases; ``comments`` are lines above all of them."""
    head = "".join(f"# {line}".rstrip() + "\n" for comment in comments for line in comment.splitlines() or [""])
    return head + "---\n".join(_document(value) for value in values)


def _document(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=1_000_000, allow_unicode=True
    )
    return text


_UNUSUAL_BREAKS = frozenset("\x85\u2028\u2029")
"""Characters that YAML 1.1 takes for line breaks: outside double quotes a reader folds them into spaces."""


class _Dumper(yaml.SafeDumper):
    """Quotes what a reader could take for something else than text, and repeats what Python shares."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None
    if "\n" in text and text.isascii() and text.replace("\n", " ").isprintable():
        style = "|"
    elif not isinstance(plain_scalar(text), str) or text == "<<" or not _UNUSUAL_BREAKS.isdisjoint(text):
        style = '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
