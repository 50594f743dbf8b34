"""Recognises containers that read model files ahead, so that the engine finds them in memory (the page cache)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelyard.resources.pods import Container

_READERS = re.compile(r"\b(?:dd|cat|vmtouch|head)\b")
REASON = (
    "Modelyard reads the model's safetensors files ahead itself before the engine starts (modelyard weights prefetch)"
)
"""Why such a container is not run."""


def reads_ahead(container: Container) -> bool:
    """Whether a container does nothing but read ``*.safetensors`` files."""
    script = " ".join((*container.command, *container.args))
    return ".safetensors" in script and bool(_READERS.search(script))
