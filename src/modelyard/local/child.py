"""The watchdog of one replica: a small process that runs an engine, keeps its log, and takes it down with
itself.

Run by its path (``python -I -S child.py``), not imported: it must start in milliseconds and outlive
nothing. An engine is a family of processes (vLLM: API server, engine core, workers), some of which would
survive their parent. So the watchdog stays between the control process and the engine:

- it is the reaper of the whole family (PR_SET_CHILD_SUBREAPER), so that no process can leave it;
- when the control process dies, even by ``kill -9``, its standard input ends (and PR_SET_PDEATHSIG fires):
it stops the family;
- when the engine's first process ends, whatever is left of the family is killed before the exit code is
reported;
- when nothing of the family is left, its temporary folder and its shared memory are removed: who is killed leaves them.

Standard input carries one line, ``stop SECONDS``: SIGTERM to the engine's first process, as Kubernetes
sends it, and SIGKILL to the family after that time. The first line of standard output is the engine's
process id. The exit code is the engine's own, or 128 + n where signal n ended it.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import sys
import time
from collections.abc import Iterable

ORPHAN_GRACE = 3.0
"""Seconds an engine gets to clean up (shared memory) after the control process has died."""
STRAGGLER_GRACE = 5.0
"""Seconds that the other processes get to end by themselves after the engine's first process has ended. vLLM's need
some to remove their shared memory; most are done within one."""
KILL_AGAIN = 0.05
"""Seconds between two looks at a family that is being killed."""
SHARED_MEMORY = "/dev/shm/"  # noqa: S108 - no temporary files of this process
PYTHONS_NAMES = ("psm_", "sem.mp-")
"""What Python's processes share, on Linux. Whoever made it removes it at its end, unless it is killed."""
LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 5
"""Size of a log file and number kept, the defaults of Kubernetes."""
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
IGNORED = (signal.SIGINT, signal.SIGHUP)
"""A terminal's signals are for the control process; it decides what stops."""
NOT_STARTED = 127
"""Exit code where the command could not be executed, as shells use it."""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


class Log:
    """A file that is moved away when it is full: ``x.log`` becomes ``x.log.1``, and so on."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._size = os.fstat(self._file).st_size

    def write(self, data: bytes) -> None:
        """Append; a full disk loses lines, never the engine."""
        with contextlib.suppress(OSError):
            if self._size + len(data) > LOG_BYTES:
                self._rotate()
            self._size += os.write(self._file, data)

    def _rotate(self) -> None:
        os.close(self._file)
        for number in range(LOG_FILES - 1, 0, -1):
            older = f"{self._path}.{number}"
            newer = f"{self._path}.{number - 1}" if number > 1 else self._path
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
        self._open()


def _spawn(command: list[str], output: int) -> int:
    """Start the engine in a process group of its own; returns its process id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setpgid(0, 0)
        for number in IGNORED:
            signal.signal(number, signal.SIG_DFL)
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.execvp(command[0], command)  # noqa: S606 - no shell, on purpose
    except OSError as error:
        os.write(2, f"cannot start {command[0]}: {error.strerror}\n".encode())
    os._exit(NOT_STARTED)


class TemporaryFolder:
    """Of one engine; it goes when the engine is over."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def remove(self, *, alone: bool) -> None:
        """Unless the next yard has made it anew already. ``alone``: with the folder above, if that is empty then."""
        import shutil  # here, for it takes longer to load than all else

        with contextlib.suppress(OSError):
            if os.path.samestat(os.lstat(self._path), os.fstat(self._opened)):
                shutil.rmtree(self._path, ignore_errors=True)
                if alone:
                    os.rmdir(os.path.dirname(self._path))


def _children(pid: int) -> list[int]:
    """Direct children of a process; of this one, orphans of the family become such (Linux)."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    return found


def _descendants(pid: int) -> set[int]:
    children = _children(pid)
    return set(children).union(*map(_descendants, children))


def _shared_by(pids: Iterable[int]) -> set[int]:
    """Inodes of the shared memory and semaphores that processes have mapped; a semaphore's name is another there."""
    found: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/maps") as maps:
            found.update(int(line.split(maxsplit=5)[4]) for line in maps if SHARED_MEMORY in line)
    return found


def _remove_shared(inodes: set[int]) -> None:
    """Those that are still there and that nobody else uses."""
    left: dict[int, str] = {}
    with contextlib.suppress(OSError):
        entries = [entry for entry in os.scandir(SHARED_MEMORY) if entry.name.startswith(PYTHONS_NAMES)]
        left = {entry.inode(): entry.path for entry in entries if entry.inode() in inodes}
    if left:
        for inode in left.keys() - _shared_by(int(name) for name in os.listdir("/proc") if name.isdigit()):
            with contextlib.suppress(OSError):
                os.unlink(left[inode])


class Watchdog:
    """Runs one engine to its end."""

    def __init__(self, command: list[str], log: Log) -> None:
        self.command, self.log = command, log
        self.engine = 0
        self.exit_code: int | None = None
        self.kill_at: float | None = None
        self.killing = False
        self.shared: set[int] = set()
        self.selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Returns the exit code."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        self.engine = _spawn(self.command, write)
        os.close(write)
        os.write(1, f"{self.engine}\n".encode())
        self.selector.register(read, selectors.EVENT_READ, self._log_ready)
        self.selector.register(0, selectors.EVENT_READ, self._order_ready)
        self._wake_on_signals()
        while self._reap():
            self._turn()
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self._kill_family()
        with contextlib.suppress(BlockingIOError):
            while data := os.read(read, 65536):
                self.log.write(data)
        _remove_shared(self.shared)
        return self.exit_code if self.exit_code is not None else NOT_STARTED

    def _wake_on_signals(self) -> None:
        """Let SIGCHLD and SIGTERM end the wait for input."""
        read, write = os.pipe()
        os.set_blocking(read, False)
        os.set_blocking(write, False)
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, lambda number, frame: self.stop(ORPHAN_GRACE))
        self.selector.register(read, selectors.EVENT_READ, lambda descriptor: os.read(descriptor, 4096))

    def _turn(self) -> None:
        """Wait for input, a signal, or the time to kill (then again and again, until the family is empty)."""
        timeout = None if self.kill_at is None else max(KILL_AGAIN, self.kill_at - time.monotonic())
        for key, _ in self.selector.select(timeout):
            key.data(key.fd)

    def _log_ready(self, descriptor: int) -> None:
        data = os.read(descriptor, 65536)
        if data:
            self.log.write(data)
        else:
            self.selector.unregister(descriptor)

    def _order_ready(self, descriptor: int) -> None:
        order = os.read(descriptor, 4096).decode("ascii", "replace").split()
        if not order:
            self.selector.unregister(descriptor)
            self.stop(ORPHAN_GRACE)
        elif order[0] == "stop":
            self.stop(float(order[1]))

    def stop(self, grace: float) -> None:
        """Ask the engine to end; kill the family after ``grace`` seconds. A later call can only shorten
        it."""
        self._remember()
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.engine, signal.SIGTERM)
        self._kill_within(grace)

    def _remember(self) -> set[int]:
        """The family, and what it shares as long as it lives."""
        family = _descendants(os.getpid())
        self.shared |= _shared_by(family)
        return family

    def _kill_within(self, grace: float) -> None:
        at = time.monotonic() + grace
        self.kill_at = at if self.kill_at is None else min(at, self.kill_at)

    def _reap(self) -> bool:
        """Collect whoever has ended; False when the family is empty."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self.engine:
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code
                self._terminate_rest()

    def _terminate_rest(self) -> None:
        self._remember()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.engine, signal.SIGTERM)
        self._kill_within(STRAGGLER_GRACE)

    def _kill_family(self) -> None:
        """SIGKILL to the engine's group, and to everyone below this process."""
        family = _descendants(os.getpid()) if self.killing else self._remember()
        self.killing = True
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.engine, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def main(arguments: list[str]) -> int:
    """``child.py PARENT_PID LOG_PATH [TEMPORARY_FOLDER] -- COMMAND...``"""
    end = arguments.index("--")
    parent, log_path, command = int(arguments[0]), arguments[1], arguments[end + 1 :]
    log = Log(log_path)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        return NOT_STARTED
    try:
        temporary = [TemporaryFolder(path) for path in arguments[2:end]]
        code = Watchdog(command, log).run()
        for folder in temporary:
            folder.remove(alone=os.getppid() != parent)
        return code
    except Exception as error:
        log.write(f"the watchdog failed: {error!r}\n".encode())
        raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
