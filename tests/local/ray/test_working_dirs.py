from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from modelyard.local.ray.working_dirs import is_local, packed, with_packed


def path_of(address: str) -> Path:
    return Path(address.removeprefix("file://"))


def test_a_folder_is_packed_under_one_top_folder(tmp_path: Path):
    code = tmp_path / "code"
    (code / "pkg" / "__pycache__").mkdir(parents=True)
    (code / "app.py").write_text("one")
    (code / "pkg" / "__pycache__" / "x.pyc").write_text("left out")
    with zipfile.ZipFile(path_of(packed(code, tmp_path / "packed"))) as archive:
        assert archive.namelist() == ["app/", "app/app.py"]
        assert archive.read("app/app.py") == b"one"


def test_the_name_follows_from_the_content(tmp_path: Path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text("one")
    first = packed(code, tmp_path)
    assert packed(code, tmp_path) == first
    (code / "app.py").write_text("two")
    assert packed(code, tmp_path) != first


def test_a_missing_folder_is_an_error_that_says_so(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="relative to the manifest"):
        packed(tmp_path / "nowhere", tmp_path)


def test_only_named_folders_are_replaced(tmp_path: Path):
    (tmp_path / "code").mkdir()
    config = {
        "applications": [
            {"runtime_env": {"working_dir": "./code"}, "args": {"text": "./code"}},
            {"runtime_env": {"working_dir": "https://example.com/a.zip"}},
        ]
    }
    done = with_packed(config, {"./code": str(tmp_path / "code")}, tmp_path / "packed")
    first, second = done["applications"]
    assert first["runtime_env"]["working_dir"].startswith("file://")
    assert first["args"] == {"text": "./code"}
    assert second == config["applications"][1]


@pytest.mark.parametrize(
    ("text", "local"), [("code", True), ("/a/b", True), ("file:///a", True), ("s3://b/a.zip", False)]
)
def test_what_is_local(text: str, local: bool):
    assert is_local(text) is local
