from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hub_site import HubSite

from conftest import TAKEN, Start
from modelyard.resources.weights_source import parse_source
from modelyard.weights.fetching import FetchLimits, NotEnoughSpace, fetch
from modelyard.weights.published import read_manifest, verify

pytestmark = pytest.mark.integration
SOURCE = parse_source("acme/tiny")


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """Puts a tmpfs of 4 MB at ``tmp_path/disk`` in a mount namespace of its own and runs a command there; what is on
    the disk is copied to ``tmp_path/left`` afterwards."""
    disk, left = tmp_path / "disk", tmp_path / "left"
    disk.mkdir()
    script = f'mount -t tmpfs -o size=4m tmpfs {disk}; {{ "$@"; }}; ended=$?; cp -a {disk} {left}; exit $ended'
    before = ["unshare", "-rm", "sh", "-c", script, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk (unshare -rm)")
    shutil.rmtree(left)
    return before


def test_it_does_not_start_where_it_would_not_fit(
    hub: HubSite, start: Start, small_disk: list[str], tmp_path: Path
) -> None:
    child = start(str(SOURCE), tmp_path / "disk", before=tuple(small_disk))
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "acme/tiny needs 6.3 MB more in" in errors
    assert "free 2" in errors
    assert not hub.content.requests


def test_a_disk_that_fills_in_the_middle_loses_nothing(
    hub: HubSite, start: Start, small_disk: list[str], tmp_path: Path
) -> None:
    """Another program takes the space after the fetch has begun; what had come is gone on from on a larger disk."""
    listed = {name: content for name, content in hub.files.items() if name != "model-00001-of-00002.safetensors"}
    hub.publish(listed)
    hub.content.tap.stall(1_000_000)
    child = start(str(SOURCE), tmp_path / "disk", before=tuple(small_disk))
    assert hub.content.tap.stalled.wait(60)
    inside = Path(f"/proc/{_child_of(child.pid)}/root{tmp_path}/disk")
    (inside / "somebody-elses").write_bytes(bytes(2_200_000))
    hub.content.tap.open()
    _, errors = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "NotEnoughSpace: the disk of" in errors
    assert "fetch again, which goes on from there" in errors
    left = tmp_path / "left"
    assert (left / "somebody-elses").read_bytes() == bytes(2_200_000)
    hub.content.requests.clear()
    found = fetch(SOURCE, left, limits=FetchLimits(keep_free=0))
    assert int(hub.content.requests[0][2]["range"].removeprefix("bytes=").rstrip("-")) >= 900_000
    assert all((found.path / name).read_bytes() == hub.files[name] for name in TAKEN if name in listed)
    manifest = read_manifest(found.path)
    assert manifest is not None
    assert verify(found.path, manifest).sound


def test_what_is_kept_free_is_kept_free(hub: HubSite, tmp_path: Path) -> None:
    with pytest.raises(NotEnoughSpace, match="are kept free"):
        fetch(SOURCE, tmp_path, limits=FetchLimits(keep_free=1 << 60))
    assert not hub.content.requests


def _child_of(pid: int) -> int:
    """The process that the script runs: it sees the small disk."""
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
