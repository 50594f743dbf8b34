"""Sizes of base models, which adapters are checked against: read once from the files that are here."""

from __future__ import annotations

from pathlib import Path

from modelyard.lora.adapter_config import BaseShape, read_base_shape


class BaseShapes:
    """Remembers what was read."""

    def __init__(self) -> None:
        self._known: dict[str, BaseShape] = {}

    def of(self, model: str) -> BaseShape:
        """``model`` as the engine has it: a path, or a hub id, of which nothing is known."""
        known = self._known.get(model)
        if known is None and model.startswith("/"):
            try:
                known = self._known[model] = read_base_shape((Path(model) / "config.json").read_bytes())
            except OSError:
                known = None
        return known or BaseShape()
