"""One yard at a time for all tests of this folder, on real vLLM. After a test that ends it, it starts anew."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .running_yard import QUICKSTART, RunningYard, resident_mib

DRAIN_SECONDS = 120
"""A drain ends with its last stream: this is for machines that take long for one."""
REPLICAS = 3
"""Of the first model, where it is alone."""
SECONDS_BEFORE_NEXT = 3
"""Between an extra replica that is ready and the end of an old one: tests see the change coming."""


class YardPlace:
    """Starts a shared yard when it is first needed, and again when a test has ended it or needed another one."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._yard: RunningYard | None = None
        self._models = ""

    def yard(self, models: str) -> RunningYard:
        """The one with these models, ready."""
        if self._yard is None or not self._yard.running or models != self._models:
            self.end()
            files = {"gateway.yaml": (QUICKSTART / "gateway.yaml").read_text(), "models.yaml": models}
            self._yard = RunningYard(self._factory.mktemp("yard"), files, "--drain", str(DRAIN_SECONDS))
            self._models = models
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
    return yard_place.yard((QUICKSTART / "models.yaml").read_text())


@pytest.fixture
def three_replicas(yard_place: YardPlace) -> RunningYard:
    """Of the quickstart's first model, ready; the second is left out."""
    models = (QUICKSTART / "models.yaml").read_text().replace("  replicas: 1", "  replicas: 0")
    several = f"  replicas: {REPLICAS}\n  minReadySeconds: {SECONDS_BEFORE_NEXT}"
    return yard_place.yard(models.replace("  replicas: 2", several))
