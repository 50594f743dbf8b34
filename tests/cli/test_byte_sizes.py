from __future__ import annotations

import pytest
import typer

from modelyard.cli.byte_sizes import byte_size


@pytest.mark.parametrize(
    ("text", "size"), [("", 0), ("10485760", 10 << 20), ("10Mi", 10 << 20), ("10MiB", 10 << 20), ("25MB", 25_000_000)]
)
def test_sizes(text: str, size: int) -> None:
    assert byte_size("--grpc-max-recv-msg-size", text) == size


@pytest.mark.parametrize("text", ["10invalid", "-10Mi", "10Ei", "B"])
def test_what_is_no_size_is_told(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        byte_size("--grpc-max-recv-msg-size", text)
    assert "--grpc-max-recv-msg-size" in capsys.readouterr().err
