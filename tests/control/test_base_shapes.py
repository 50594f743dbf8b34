from __future__ import annotations

import json
from pathlib import Path

from modelyard.control.base_shapes import BaseShapes
from modelyard.lora.adapter_config import BaseShape


def test_sizes_are_read_once_the_files_are_here(tmp_path: Path) -> None:
    shapes = BaseShapes()
    assert shapes.of("org/model") == shapes.of(str(tmp_path)) == BaseShape()
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": 64, "num_hidden_layers": 2}))
    assert shapes.of(str(tmp_path)).hidden == 64
    (tmp_path / "config.json").unlink()
    assert shapes.of(str(tmp_path)).hidden == 64
