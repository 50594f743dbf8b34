"""What must not be in the repository: paths of one machine, and hosts of package registries."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from docs.examples import ROOT

_HOSTS = ("pypi." + "org", "python" + "hosted.org", "npmjs." + "org", "docker." + "io", "ghcr." + "io", "quay." + "io")
_SMALL = 2 << 20


def _files() -> list[Path]:
    """Files that git knows, or all beside the environment where this is no checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not any(p.startswith(".") for p in path.parts)]


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    found = {}
    for path in _files():
        if path.stat().st_size < _SMALL:
            found[str(path.relative_to(ROOT))] = path.read_bytes().decode("utf-8", "replace")
    return found


def test_no_path_of_this_machine(texts: dict[str, str]) -> None:
    """A home directly under the root is every administrator's, and tells nothing."""
    places = {f"{place}/" for place in (ROOT, Path.home()) if len(place.parts) > 2}
    assert not [name for name, text in texts.items() for place in places if place in text]


def test_no_host_of_a_registry(texts: dict[str, str]) -> None:
    assert not [(name, host) for name, text in texts.items() for host in _HOSTS if host in text]
