from __future__ import annotations

from pathlib import Path

import pytest
from adapter_files import write_adapter

from modelyard.lora.adapter import FetchError
from modelyard.lora.store import AdapterStore, fingerprint


@pytest.fixture
def store(tmp_path: Path) -> AdapterStore:
    return AdapterStore(tmp_path / "store")


def test_equal_content_is_one_folder_and_other_content_another(store: AdapterStore, tmp_path: Path) -> None:
    first = store.put("food/review", write_adapter(tmp_path / "a"))
    again = store.put("food/review", write_adapter(tmp_path / "b"))
    other = store.put("food/review", write_adapter(tmp_path / "c", fill=b"\1"))
    assert first == again
    assert first.path == f"{store.root}/food-review@{first.digest[:32]}"
    assert other.path != first.path
    assert first.facts is not None
    assert first.facts.rank == 8
    assert sorted(one.name for one in Path(first.path).iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert len(list(store.root.iterdir())) == 2


def test_an_edit_of_the_source_does_not_reach_the_copy(store: AdapterStore, tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "a")
    seen = fingerprint(folder)
    kept = Path(store.put("a", folder).path, "adapter_model.safetensors").read_bytes()
    write_adapter(folder, fill=b"\7")
    assert fingerprint(folder) != seen
    assert Path(store.put("a", write_adapter(tmp_path / "b")).path, "adapter_model.safetensors").read_bytes() == kept


def test_what_is_not_an_adapter_is_refused_and_leaves_nothing(store: AdapterStore, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    pickled = write_adapter(tmp_path / "pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    cut = write_adapter(tmp_path / "cut")
    weights = cut / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    for folder, says in (
        (tmp_path / "none", "cannot be read"),
        (empty, "adapter_config.json"),
        (pickled, "a pickle can run code"),
        (cut, "cut off"),
    ):
        with pytest.raises(FetchError, match=says):
            store.put("a", folder)
    assert list(store.root.iterdir()) == []


def test_links_may_not_leave_the_folder(store: AdapterStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    folder = write_adapter(tmp_path / "a")
    (folder / "tokenizer.json").symlink_to(secret)
    with pytest.raises(FetchError, match="leaves its folder"):
        store.put("a", folder)


def test_the_size_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="at most 100"):
        AdapterStore(tmp_path / "store", max_bytes=100).put("a", write_adapter(tmp_path / "a"))


@pytest.mark.parametrize("name", ["..", "../../x", "/etc/passwd", "", "a b\n", "ü" * 300])
def test_no_name_leads_out_of_the_store(store: AdapterStore, tmp_path: Path, name: str) -> None:
    path = Path(store.put(name, write_adapter(tmp_path / "a")).path)
    assert path.resolve().parent == store.root.resolve()
