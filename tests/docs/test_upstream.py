"""The published manifests are the published ones."""

from __future__ import annotations

from hashlib import sha256

from docs.examples import ROOT

UPSTREAM = ROOT / "examples" / "upstream"
OURS = {"ray-multiplexing/front.yaml"}


def test_they_are_unmodified() -> None:
    lines = (UPSTREAM / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split(maxsplit=1) for line in lines)}
    found = {str(path.relative_to(UPSTREAM)): path for path in UPSTREAM.rglob("*.yaml")}
    assert set(found) == set(listed) | OURS
    assert {name: sha256(found[name].read_bytes()).hexdigest() for name in listed} == listed
