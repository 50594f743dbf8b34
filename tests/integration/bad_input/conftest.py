from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .yard import Yard, running_yard


@pytest.fixture(scope="session")
def shared_yard(tmp_path_factory: pytest.TempPathFactory, own_blocks: Callable[[], str]) -> Iterator[Yard]:
    with running_yard(tmp_path_factory.mktemp("bad_input"), f"{own_blocks()}.1") as yard:
        yield yard


@pytest.fixture
def yard(shared_yard: Yard) -> Iterator[Yard]:
    """The gateway under test, at rest; what a test leaves open or a worker that died fails the test."""
    shared_yard.settle()
    yield shared_yard
    shared_yard.all_released()
