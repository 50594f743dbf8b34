from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from modelyard.local.home import Home
from modelyard.local.revisions import NoRevision, Revisions
from modelyard.resources.apps import Deployment
from modelyard.resources.loading import load_documents

TEXT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: m, annotations: {kubernetes.io/change-cause: because}}
spec:
  revisionHistoryLimit: LIMIT
  selector: {matchLabels: {app: m}}
  template:
    metadata: {labels: {app: m}}
    spec: {containers: [{name: c, image: i, args: ["ARG"]}]}
"""


def deployment(arg: str, limit: int = 10) -> Deployment:
    loaded = load_documents(TEXT.replace("ARG", arg).replace("LIMIT", str(limit)), source="m.yaml")
    assert not loaded.errors
    (found,) = loaded.objects
    assert isinstance(found, Deployment)
    return found


def arg(one: Deployment) -> str:
    return one.spec.template.spec.containers[0].args[0]


@pytest.fixture
def revisions(tmp_path: Path) -> Revisions:
    return Revisions(Home.at(tmp_path))


def numbers(revisions: Revisions) -> list[int]:
    return [one.number for one in revisions.kept("default", "m").revisions]


def test_each_template_is_a_revision_and_one_that_comes_back_takes_the_next_number(revisions: Revisions) -> None:
    for text in ("a", "b", "b", "a"):
        assert arg(revisions.take(deployment(text))) == text
    assert numbers(revisions) == [2, 3]
    assert revisions.current("default", "m") == 3
    assert revisions.kept("default", "m").revisions[-1].cause == "because"


def test_the_number_of_replicas_is_no_revision(revisions: Revisions) -> None:
    one = deployment("a")
    revisions.take(one)
    revisions.take(msgspec.structs.replace(one, spec=msgspec.structs.replace(one.spec, replicas=5)))
    assert numbers(revisions) == [1]


def test_an_undo_holds_until_the_file_changes(revisions: Revisions, tmp_path: Path) -> None:
    for text in ("a", "bad"):
        revisions.take(deployment(text))
    assert revisions.undo(deployment("bad")).number == 1
    for kept in (revisions, Revisions(Home.at(tmp_path))):
        assert arg(kept.take(deployment("bad"))) == "a"
        assert kept.pinned_to("default", "m") == 3
    assert arg(revisions.take(deployment("good"))) == "good"
    assert revisions.pinned_to("default", "m") == 0
    assert arg(revisions.take(deployment("bad"))) == "bad", "the pin is gone for good"


def test_undo_to_a_number_and_back_to_what_the_file_says(revisions: Revisions) -> None:
    for text in ("a", "b", "c"):
        revisions.take(deployment(text))
    revisions.undo(deployment("c"), 1)
    assert arg(revisions.take(deployment("c"))) == "a"
    assert numbers(revisions) == [2, 3, 4]
    revisions.undo(deployment("c"), 3)
    assert arg(revisions.take(deployment("c"))) == "c"
    assert revisions.pinned_to("default", "m") == 0


def test_undo_twice_goes_forth_and_back(revisions: Revisions) -> None:
    for text in ("a", "b"):
        revisions.take(deployment(text))
    seen = []
    for _ in range(3):
        revisions.undo(deployment("b"))
        seen.append(arg(revisions.take(deployment("b"))))
    assert seen == ["a", "b", "a"]


def test_what_is_not_kept_is_refused(revisions: Revisions) -> None:
    revisions.take(deployment("a"))
    with pytest.raises(NoRevision, match="no earlier revision"):
        revisions.undo(deployment("a"))
    with pytest.raises(NoRevision, match="there are 1"):
        revisions.undo(deployment("a"), 7)


def test_only_as_many_old_ones_as_the_manifest_says(revisions: Revisions) -> None:
    for text in "abcd":
        revisions.take(deployment(text, limit=2))
    assert numbers(revisions) == [2, 3, 4]
    revisions.take(deployment("e", limit=0))
    assert numbers(revisions) == [5]


def test_a_file_that_cannot_be_read_counts_as_none(revisions: Revisions, tmp_path: Path) -> None:
    (tmp_path / "revisions").mkdir()
    (tmp_path / "revisions" / "default_m.json").write_text('{"revisions": 7}')
    assert revisions.current("default", "m") == 0
    revisions.take(deployment("a"))
    assert numbers(revisions) == [1]


def test_templates_can_hold_secrets_so_only_their_user_reads_them(revisions: Revisions, tmp_path: Path) -> None:
    revisions.take(deployment("a"))
    assert (tmp_path / "revisions" / "default_m.json").stat().st_mode & 0o077 == 0
