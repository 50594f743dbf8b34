from __future__ import annotations

import pytest

from modelyard.bodies.facts import BodyError
from modelyard.bodies.model_names import MAX_NAME_BYTES, check_header_value


@pytest.mark.parametrize(
    "name",
    ["a", "google/gemma-2b-it", "base:adapter", "two words", "模型", "é", "a" * MAX_NAME_BYTES, "\N{GRINNING FACE}"],
)
def test_names_that_can_be_header_values(name: str) -> None:
    assert check_header_value(name, "model") == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        " ",
        "a\n",
        "a\r\nx: y",
        "\x00",
        "a\tb",
        "\x7f",
        "\x85",
        "a\u2028b",
        "a\u202eb",
        "a\u200bb",
        "a\u00a0",
        "\ufeffa",
        "\ud800",
        "a" * (MAX_NAME_BYTES + 1),
        "é" * (MAX_NAME_BYTES // 2 + 1),
    ],
)
def test_names_that_cannot(name: str) -> None:
    with pytest.raises(BodyError) as caught:
        check_header_value(name, "field")
    assert (caught.value.status, caught.value.param) == (400, "field")
    assert len(caught.value.message) < 200
