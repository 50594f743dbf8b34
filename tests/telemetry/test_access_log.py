"""Access log lines."""

from __future__ import annotations

import json

from modelyard.exchange.record import ExchangeRecord
from modelyard.telemetry.access_log import AccessLog


def lines(*records: ExchangeRecord) -> list[bytes]:
    written: list[bytes] = []
    log = AccessLog(written.append, lambda: 1700000000.0)
    for record in records:
        log.record(record)
    log.flush()
    log.flush()
    return b"".join(written).splitlines()


def test_one_line_per_exchange_whatever_the_values_hold() -> None:
    hostile = "a\r\nb\x1b[31m\u2028c"
    found = lines(ExchangeRecord(method="GET", path="/" + hostile, model=hostile, status=200), ExchangeRecord())
    assert len(found) == 2
    assert json.loads(found[0])["model"] == hostile
    assert b"\x1b" not in found[0]


def test_long_paths_are_cut() -> None:
    assert len(json.loads(lines(ExchangeRecord(path="/" * 100_000))[0])["path"]) == 512


def test_empty_fields_are_left_out() -> None:
    assert "model" not in json.loads(lines(ExchangeRecord(status=404))[0])
