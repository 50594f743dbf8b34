from __future__ import annotations

import os
import shutil

import pytest

from modelyard.manifests.watch_plan import plan_watch


@pytest.fixture
def root(tmp_path):
    return os.path.realpath(tmp_path)


def test_a_folder_counts_with_all_below_but_hidden_entries(root):
    os.makedirs(f"{root}/m/sub")
    plan = plan_watch([f"{root}/m"])
    assert plan.paths == [root, f"{root}/m", f"{root}/m/sub"]
    assert plan.concerns(f"{root}/m/a.yaml")
    assert plan.concerns(f"{root}/m/sub/new-folder")
    assert plan.concerns(f"{root}/m/..data")
    assert plan.concerns(f"{root}/m")
    assert not plan.concerns(f"{root}/m/.a.yaml.swp")
    assert not plan.concerns(f"{root}/other")


def test_of_a_file_only_its_own_name_counts(root):
    with open(f"{root}/a.yaml", "w"):
        plan = plan_watch([f"{root}/a.yaml"])
    assert plan.paths == [root]
    assert plan.concerns(f"{root}/a.yaml")
    assert not plan.concerns(f"{root}/b.yaml")


def test_what_is_missing_is_awaited_where_it_would_begin(root):
    plan = plan_watch([f"{root}/x/y/a.yaml"])
    assert plan.paths == [root]
    assert plan.concerns(f"{root}/x")


def test_every_link_on_the_way_counts(root):
    os.makedirs(f"{root}/v/..1")
    with open(f"{root}/v/..1/f.yaml", "w"):
        os.symlink("..1", f"{root}/v/..data")
        os.symlink("..data/f.yaml", f"{root}/v/f.yaml")
        os.symlink("v/f.yaml", f"{root}/entry")
    plan = plan_watch([f"{root}/entry"])
    for path in ("entry", "v/f.yaml", "v/..data", "v/..1/f.yaml"):
        assert plan.concerns(f"{root}/{path}"), path


def test_link_loops_end(root):
    os.symlink("b", f"{root}/a")
    os.symlink("a", f"{root}/b")
    assert plan_watch([f"{root}/a"]).paths == [root]


def test_a_replaced_folder_is_another_plan(root):
    os.mkdir(f"{root}/m")
    before = plan_watch([f"{root}/m"])
    assert plan_watch([f"{root}/m"]) == before
    os.rename(f"{root}/m", f"{root}/old")
    os.mkdir(f"{root}/m")
    assert plan_watch([f"{root}/m"]) != before
    shutil.rmtree(f"{root}/m")
    assert plan_watch([f"{root}/m"]) != before
