from __future__ import annotations

import os

import pytest

from modelyard.manifests.files import FoundFiles, find_files, folders_below, os_error, vanished


@pytest.fixture
def tree(tmp_path):
    for name in ("b.yaml", "a.yml", "c.json", "notes.txt", ".hidden.yaml", "sub/d.yaml", ".git/e.yaml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    return tmp_path


def names(found, root):
    return [os.path.relpath(file, root) for file in found.files]


def test_folders_are_read_recursively_in_order(tree):
    found = find_files([tree])
    assert names(found, tree) == ["a.yml", "b.yaml", "c.json", "sub/d.yaml"]
    assert found.errors == ()


def test_a_named_file_may_have_any_name(tree):
    assert names(find_files([tree / "notes.txt", str(tree / ".hidden.yaml")]), tree) == ["notes.txt", ".hidden.yaml"]


def test_each_file_is_read_once(tree):
    (tree / "link.yaml").symlink_to("b.yaml")
    assert names(find_files([tree / "b.yaml", tree, tree]), tree) == ["b.yaml", "a.yml", "c.json", "sub/d.yaml"]


def test_link_loops_end(tree):
    (tree / "sub" / "up").symlink_to(tree)
    assert len(find_files([tree]).files) == 4
    assert folders_below(str(tree)) == sorted([str(tree), str(tree / "sub")])


def test_config_map_volumes_are_read_through_their_links(tmp_path):
    (tmp_path / "..1").mkdir()
    (tmp_path / "..1" / "a.yaml").write_text("")
    (tmp_path / "..data").symlink_to("..1")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    assert names(find_files([tmp_path]), tmp_path) == ["a.yaml"]


def test_a_folder_may_be_filled_later(tmp_path):
    assert find_files([tmp_path]) == FoundFiles()


def test_what_was_removed_meanwhile_has_vanished_and_a_dangling_link_has_not(tmp_path):
    (tmp_path / "link.yaml").symlink_to("nowhere.yaml")
    missing = FileNotFoundError(2, "x")
    assert vanished(str(tmp_path / "gone.yaml"), missing)
    assert not vanished(str(tmp_path / "link.yaml"), missing)
    assert not vanished(str(tmp_path / "gone.yaml"), PermissionError(13, "x"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "x"), "does not exist"),
        (PermissionError(13, "x"), "permissions"),
        (OSError(5, "Input/output error"), "Input/output error"),
    ],
)
def test_system_errors_are_explained(error, message):
    assert message in str(os_error("a.yaml", error))
