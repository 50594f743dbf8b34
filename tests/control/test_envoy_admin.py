"""Bodies of the admin interface as HTTP cuts them."""

from __future__ import annotations

import pytest

from modelyard.control.envoy_admin import unchunked


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"5\r\nLIVE\n\r\n0\r\n\r\n", b"LIVE\n"),
        (b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc0123456789"),
        (b"0\r\n\r\n", b""),
    ],
)
def test_chunks(sent: bytes, body: bytes) -> None:
    assert unchunked(sent) == body
