"""Values of options of ``envoy-config``."""

from __future__ import annotations

import pytest
import typer

from modelyard.cli.envoy_options import heap_limit


@pytest.mark.parametrize(("text", "size"), [("1", 1 << 20), ("2048", 2 << 30), ("none", 0), ("container", 0)])
def test_memory_is_in_mib_or_a_word(text: str, size: int) -> None:
    assert heap_limit("--max-heap", text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "2GiB", "all", "99999999"])
def test_anything_else_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        heap_limit("--max-heap", text)
    assert "container, or none" in capsys.readouterr().err
