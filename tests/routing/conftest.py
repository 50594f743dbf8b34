"""Resources out of YAML, for the tests of what compiles them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelyard.resources.loading import load_documents
from modelyard.resources.resource_set import ResourceSet

Load = Callable[..., ResourceSet]


@pytest.fixture
def load() -> Load:
    """YAML texts as one ResourceSet; a text that does not load fails the test."""

    def resources(*texts: str) -> ResourceSet:
        loaded = [load_documents(text, "test.yaml") for text in texts]
        errors = [str(error) for result in loaded for error in result.errors]
        assert not errors, errors
        return ResourceSet.of([item for result in loaded for item in result.objects])[0]

    return resources
