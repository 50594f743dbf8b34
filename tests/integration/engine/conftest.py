"""One yard for all tests of this folder: the quickstart on real vLLM. After a test that ends it, it starts anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running_yard import QUICKSTART, RunningYard, resident_mib

DRAIN_SECONDS = 30


class YardPlace:
    """Starts the shared yard when it is first needed, and again when a test has ended it."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._yard: RunningYard | None = None

    def yard(self) -> RunningYard:
        if self._yard is None or not self._yard.running:
            self.end()
            files = {name: (QUICKSTART / name).read_text() for name in ("gateway.yaml", "models.yaml")}
            self._yard = RunningYard(self._factory.mktemp("yard"), files, "--drain", str(DRAIN_SECONDS))
            self._yard.start()
            print(f"\nready after {self._yard.start_seconds:.0f} s;", ", ".join(memory(self._yard)))
        return self._yard

    def end(self) -> None:
        if self._yard is not None:
            self._yard.end()


def memory(yard: RunningYard) -> list[str]:
    """Of each replica's processes together."""
    sizes = {name: resident_mib(item["pid"]) for name, item in yard.replicas().items()}
    return [f"{name}: RSS {size['rss']} MiB, PSS {size['pss']} MiB" for name, size in sizes.items()]


@pytest.fixture(scope="session")
def yard_place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[YardPlace]:
    place = YardPlace(tmp_path_factory)
    try:
        yield place
    finally:
        place.end()


@pytest.fixture
def yard(yard_place: YardPlace) -> RunningYard:
    """The quickstart, ready."""
    return yard_place.yard()
