from __future__ import annotations

from pathlib import Path

from adapter_files import write_adapter

from modelyard.lora.adapter_shelf import AdapterShelf, subfolder
from modelyard.lora.plan import Held


def shelf(tmp_path: Path) -> tuple[AdapterShelf, Path]:
    return AdapterShelf(tmp_path / "bucket", "ns/llama", "llama"), tmp_path / "bucket" / "ns" / "llama"


def test_a_version_appears_whole_under_its_name(tmp_path: Path) -> None:
    found, folder = shelf(tmp_path)
    stored = write_adapter(tmp_path / "store" / "food@1")
    assert found.put("food@1a2b3c4d", str(stored), "a") == "food@1a2b3c4d"
    names = sorted(path.name for path in (folder / "food@1a2b3c4d").iterdir())
    assert names == ["adapter_config.json", "adapter_model.safetensors"]
    assert found.held({"food@1a2b3c4d", "foreign"}, "a") == (Held(engine_name="food@1a2b3c4d", path=str(stored)),)
    assert found.held(set(), "a") == ()
    assert not list((tmp_path / "bucket" / ".drafts").iterdir())


def test_it_stays_while_another_cluster_holds_it(tmp_path: Path) -> None:
    found, folder = shelf(tmp_path)
    stored = str(write_adapter(tmp_path / "store" / "food@1"))
    found.put("food@1", stored, "old")
    assert found.held({"food@1"}, "new")
    found.let_go("food@1", "old")
    assert (folder / "food@1").is_dir()
    assert not found.held({"food@1"}, "old")
    assert found.held({"food@1"}, "new")
    found.let_go("food@1", "new")
    assert not (folder / "food@1").exists()
    found.put("food@1", stored, "new")
    assert (folder / "food@1").is_dir()


def test_what_only_gone_clusters_held_is_taken_off(tmp_path: Path) -> None:
    found, folder = shelf(tmp_path)
    for name, holder in (("food@1", "old"), ("sql@1", "new")):
        found.put(name, str(write_adapter(tmp_path / "store" / name)), holder)
    found.keep_holders({"new"})
    assert [path.name for path in folder.iterdir()] == ["sql@1"]


def test_names_are_those_of_folders() -> None:
    assert subfolder("llama:food@1a2b3c4d", "llama") == "food@1a2b3c4d"
    folders = {subfolder(f"llama:{name}@1a2b3c4d", "llama") for name in ("a/b", "a-b", "a.b", "../x", "..", "/", "")}
    assert len(folders) == 7
    assert all("/" not in one and not one.startswith((".", "-")) and one.endswith("@1a2b3c4d") for one in folders)


def test_no_name_is_taken_for_a_login() -> None:
    """Ray's client reads ``s3://anonymous@…`` wherever the first ``@`` of an address is."""
    assert "anonymous@" not in subfolder("llama:my-anonymous@1a2b3c4d", "llama")
