"""Where the adjustments find files, and what is noted as needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.local.model_files import ModelPlaces, ModelSources
from modelyard.local.ray.weights_paths import NeededFolders
from modelyard.resources.source_table import source_table

ARCHIVE = "https://example.com/a/b/archive/main.zip"


def folders(*pairs: tuple[str, str]) -> NeededFolders:
    sources = ModelSources(table=source_table(pairs), path_of=lambda source: Path("/w") / source.replace("://", "--"))
    return NeededFolders(ModelPlaces(sources, {}, {}))


def test_a_model_by_its_source_or_its_id() -> None:
    found = folders(("gemma", "demo://demo-llama"))
    assert found.of_model("google/gemma-2b-it", "gemma") == "/w/demo--demo-llama"
    assert list(found.fetched.values()) == ["/w/demo--demo-llama"]


def test_a_text_is_a_source_by_its_scheme_or_by_the_user_s_word() -> None:
    found = folders(("org/one", "demo://demo-alpaca"))
    assert found.of_text("2") is None
    assert found.of_text("org/two") is None
    assert found.of_text("org/one") == "/w/demo--demo-alpaca"
    assert found.of_text("demo://demo-llama") == "/w/demo--demo-llama"
    assert len(found.fetched) == 2


def test_code_is_a_folder_and_nothing_is_fetched_for_it() -> None:
    found = folders((ARCHIVE, "/copy"), ("https://example.com/c.zip", "demo://demo-llama"))
    assert found.of_code(ARCHIVE) == "/copy"
    assert found.of_code("https://example.com/other.zip") is None
    assert not found.fetched
    with pytest.raises(ValueError, match="must be a folder"):
        found.of_code("https://example.com/c.zip")
