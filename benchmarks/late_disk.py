"""A disk whose every answer comes late, as a mounted bucket's do: one file of noise behind the kernel's FUSE protocol.

Needs root and ``/dev/fuse``; nothing else. The kernel asks for at most 1 MiB at a time and reads ahead by itself, as it
does on a real mount.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = "model.safetensors"
_HEADER = struct.Struct("<IIQQIIII")
_ANSWER = struct.Struct("<IiQ")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_LOOKUP, _GETATTR, _OPEN, _READ, _STATFS, _RELEASE, _INIT, _OPENDIR, _READDIR = 1, 3, 14, 15, 17, 18, 26, 27, 28
_SILENT = frozenset({2, 42})  # FORGET, BATCH_FORGET
_ASYNC_READ, _MAX_PAGES = 1, 1 << 22
_ENOENT, _ENOSYS = 2, 38
_MOST = 1 << 20
_DETACH = 2
_KEEP_CACHE = 2
_SERVERS = 64


class LateDisk:
    """Serves one file; ``delay``: seconds before each read is answered."""

    def __init__(self, descriptor: int, size: int, delay: float) -> None:
        self._descriptor, self._size, self._delay = descriptor, size, delay
        self._noise = os.urandom(_MOST)

    def serve_with(self, threads: int) -> None:
        """Serve with so many threads."""
        for _ in range(threads - 1):
            threading.Thread(target=self.serve, daemon=True).start()
        self.serve()

    def serve(self) -> None:
        """Answer until it is unmounted."""
        while True:
            try:
                request = os.read(self._descriptor, _MOST + 4096)
            except OSError:
                return
            _, opcode, unique, node, *_ = _HEADER.unpack_from(request)
            if opcode in _SILENT:
                continue
            error, body = self._answer(opcode, node, request[_HEADER.size :])
            answer = _ANSWER.pack(_ANSWER.size + len(body), -error, unique) + body
            try:
                os.write(self._descriptor, answer)
            except OSError:
                continue

    def _answer(self, opcode: int, node: int, body: bytes) -> tuple[int, bytes]:
        if opcode == _INIT:
            return 0, self._init(body)
        if opcode == _GETATTR:
            return 0, struct.pack("<QII", 3600, 0, 0) + self._attributes(node)
        if opcode == _LOOKUP:
            known = body.rstrip(b"\0").decode() == NAME
            return (
                (0, struct.pack("<QQQQII", 2, 0, 3600, 3600, 0, 0) + self._attributes(2)) if known else (_ENOENT, b"")
            )
        if opcode in (_OPEN, _OPENDIR):
            return 0, struct.pack("<QII", 0, _KEEP_CACHE, 0)
        if opcode == _READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            time.sleep(self._delay)
            return 0, self._noise[: max(0, min(size, self._size - offset))]
        if opcode == _READDIR:
            return 0, self._entry() if struct.unpack_from("<QQ", body)[1] == 0 else b""
        return (0, b"") if opcode in (_RELEASE, 29, 25) else (_ENOSYS, b"")

    def _init(self, body: bytes) -> bytes:
        major, minor, ahead, flags = struct.unpack_from("<IIII", body)
        flags &= _ASYNC_READ | _MAX_PAGES
        return struct.pack(
            "<IIIIHHIIHHI7I",
            major,
            min(minor, 31),
            ahead,
            flags,
            _SERVERS,
            _SERVERS,
            _MOST,
            1,
            _MOST // 4096,
            0,
            *[0] * 8,
        )

    def _attributes(self, node: int) -> bytes:
        size, mode = (0, 0o40755) if node == 1 else (self._size, 0o100444)
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def _entry(self) -> bytes:
        name = NAME.encode()
        entry = struct.pack("<QQII", 2, 1, len(name), 8) + name
        return entry + b"\0" * (-len(entry) % 8)


@contextmanager
def late_disk(folder: Path, size: int, delay: float) -> Iterator[Path]:
    """The folder with such a disk mounted. Raises OSError where this user may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    options = f"fd={descriptor},rootmode=40000,user_id=0,group_id=0,max_read={_MOST}".encode()
    if libc.mount(b"late", os.fsencode(folder), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), "mount")
    server = os.fork()  # a process of its own: a page fault here would wait for threads that wait for this one
    if server == 0:
        LateDisk(descriptor, size, delay).serve_with(_SERVERS)
        os._exit(0)
    os.close(descriptor)
    try:
        yield folder
    finally:
        os.kill(server, signal.SIGKILL)  # with its last descriptor closed every read ends
        os.waitpid(server, 0)
        libc.umount2(os.fsencode(folder), _DETACH)
