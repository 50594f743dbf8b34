from __future__ import annotations

import pytest

from modelyard.local.jobs.copy_script import CopyOrder, read_copy_script

SCRIPT = """
apt-get update && apt-get install -y fuse2fs
mkfs.ext4 -FF /dev/xvda
fuse2fs -o fakeroot /dev/xvda /mnt
mkdir -p /mnt/tuned
# the copy
cp -r /data/models/tuned/run-1 /mnt/tuned
ls -lR /mnt/tuned
"""


def test_a_copy_to_a_formatted_device_is_understood() -> None:
    script = read_copy_script(SCRIPT)
    assert script.other == ""
    assert script.copies == (CopyOrder(source="/data/models/tuned/run-1", target="/mnt/tuned/run-1"),)
    assert script.devices == (("/dev/xvda", "/mnt"),)


@pytest.mark.parametrize(
    ("line", "source", "target"),
    [
        ("cp -r /a/x /b/y", "/a/x", "/b/y"),
        ("cp -r /a/x /b/", "/a/x", "/b/x"),
        ("cp -r /a/x/* /b", "/a/x", "/b"),
        ("cp -a /a/x/. /b", "/a/x", "/b"),
        ("rsync -av /a/x/ /b", "/a/x", "/b"),
        ("gsutil -m cp -r gs://bucket/m /b/", "gs://bucket/m", "/b/m"),
        ("gcloud storage cp --recursive gs://bucket/m /b", "gs://bucket/m", "/b"),
        ("mkdir -p /b; cp -r /a/x /b", "/a/x", "/b/x"),
        ("cp -r \\\n  /a/x /b", "/a/x", "/b"),
    ],
)
def test_where_a_copy_ends(line: str, source: str, target: str) -> None:
    assert read_copy_script(line).copies == (CopyOrder(source=source, target=target),)


def test_a_mount_is_there_so_the_source_goes_into_it_under_its_own_name() -> None:
    assert read_copy_script("cp -r /a/x /b", ["/b/"]).copies == (CopyOrder(source="/a/x", target="/b/x"),)
    mounted = read_copy_script("mount /dev/xvda /mnt\ncp -r /a/x /mnt")
    assert mounted.copies == (CopyOrder(source="/a/x", target="/mnt/x"),)


@pytest.mark.parametrize(
    "line",
    ["python train.py", "cp /a /b /c", "cat x | tee y", "rm -rf /b", "cp -r $(pwd) /b", "for x in a; do cp x y; done"],
)
def test_what_does_more_is_named(line: str) -> None:
    script = read_copy_script(f"echo hello\n{line}")
    assert script.other.startswith(line.split(";")[0][:8])
    assert script.copies == ()
