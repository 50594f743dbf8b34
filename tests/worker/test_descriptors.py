from __future__ import annotations

import resource

import pytest

from modelyard.worker import descriptors


@pytest.mark.parametrize(
    ("soft", "wanted", "each", "most"),
    [
        (1024, 20_000, 2, 496),
        (1024, 0, 2, 496),
        (1024, 100, 2, 100),
        (65_536, 20_000, 2, 20_000),
        (10, 5, 1, 1),
        (resource.RLIM_INFINITY, 20_000, 2, 20_000),
        (resource.RLIM_INFINITY, 0, 2, 0),
    ],
)
def test_connections_fit_the_descriptors(
    monkeypatch: pytest.MonkeyPatch, soft: int, wanted: int, each: int, most: int
) -> None:
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda kind: (soft, soft))
    assert descriptors.most_connections(wanted, descriptors_each=each) == most


def test_the_limit_is_raised_to_what_the_system_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def set_limit(kind: int, limits: tuple[int, int]) -> None:
        if limits[0] in (resource.RLIM_INFINITY, 65_536):
            raise ValueError("not so many")
        taken.append(limits[0])

    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(descriptors.resource, "setrlimit", set_limit)
    descriptors.raise_limit()
    assert taken == [10_240]
