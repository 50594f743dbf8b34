from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator

import pytest

from modelyard.worker import log_stream
from modelyard.worker.log_file import open_log
from modelyard.worker.log_stream import LogStream

LINE = b"x" * 1023 + b"\n"


class Pipe:
    """A stream's two ends."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size and (piece := os.read(self.reader, size - len(data))):
            data += piece
        return data

    def close(self) -> None:
        for end in (self.reader, self.writer):
            os.close(end)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def test_lines_arrive_in_order(pipe: Pipe) -> None:
    stream = LogStream(pipe.writer)
    stream.write(b"one\n")
    stream.write(b"two\nthree\n")
    assert pipe.read(14) == b"one\ntwo\nthree\n"
    stream.close()
    assert not stream._thread.is_alive()


def test_a_stuck_reader_costs_lines_and_blocks_nobody(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_stream, "MOST_WAITING", 100 * 1024)
    monkeypatch.setattr(log_stream, "LAST_WAIT", 0.01)
    stream = LogStream(pipe.writer)
    with caplog.at_level(logging.ERROR):
        for _ in range(1000):
            stream.write(LINE)
    assert stream._size <= 100 * 1024
    assert len(caplog.records) == 1
    assert "1 access log lines were dropped" in caplog.text
    dropped = 1 + stream._dropped
    stream.close()
    assert pipe.read((1000 - dropped) * len(LINE)) == LINE * (1000 - dropped)
    stream._thread.join(5)
    assert not stream._thread.is_alive()


def test_a_non_blocking_output_loses_nothing(pipe: Pipe) -> None:
    flags = fcntl.fcntl(pipe.writer, fcntl.F_GETFL)
    fcntl.fcntl(pipe.writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    stream = LogStream(pipe.writer)
    stream.write(LINE * 500)
    assert pipe.read(500 * len(LINE)) == LINE * 500
    stream.close()


def test_a_reader_that_left_is_not_waited_for(pipe: Pipe) -> None:
    stream = LogStream(pipe.writer)
    os.close(pipe.reader)
    stream.write(LINE)
    stream.close()
    assert not stream._thread.is_alive()
    assert stream._dropped == 1
    pipe.reader = os.dup(pipe.writer)


def test_standard_output_is_a_stream() -> None:
    log = open_log("-")
    log.close()
    assert isinstance(log, LogStream)


def test_a_batch_of_any_size_is_taken_where_nothing_waits(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_stream, "MOST_WAITING", 1024)
    stream = LogStream(pipe.writer)
    stream.write(LINE * 50)
    assert pipe.read(50 * len(LINE)) == LINE * 50
    stream.close()
