"""A page's own home, folder, ports and yard: what its blocks are run in, from the first to the last."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

from engine.running_yard import all_pids, until, working_place
from running_gateway import free_ports

from docs.examples import ROOT, Block, Place, fits
from modelyard.weights.demo.kinds import kind_of

READY_SECONDS = 500.0
STEP_SECONDS = 400.0
STOP_SECONDS = 90.0
LAST_LINE_ENDS = "Ctrl-C stops everything"


class TutorialYard:
    """``run`` each block in turn, then ``end``, whatever happened in between."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self._gateway, self._admin = free_ports(2, "127.0.0.1")
        self._printed = directory / "up.txt"
        self._process: subprocess.Popen[bytes] | None = None
        folder = directory / "folder"
        folder.mkdir()
        (folder / "examples").symlink_to(ROOT / "examples")
        self._place = Place(
            directory=folder,
            env={"MODELYARD_HOME": str(self.home), "HF_HUB_OFFLINE": "1"},
            addresses={
                "127.0.0.1:8080": f"127.0.0.1:{self._gateway}",
                "127.0.0.1:9901": f"127.0.0.1:{self._admin}",
                "~/.modelyard": str(self.home),
            },
            seconds=STEP_SECONDS,
        )

    def run(self, block: Block) -> None:
        """As its marker says: in the background until all is ready, or to its end, with a look at who has answered."""
        began = time.monotonic()
        if block.mark == "tutorial: up":
            self._up(block)
        else:
            self._asked(block, self._place.run(block))
        print(f"{block}: {time.monotonic() - began:.1f} s")

    def end(self) -> None:
        """Stop the yard; nothing of it is left."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        until(lambda: not self._left(), f"nothing left of {self.home}", STOP_SECONDS)

    def _up(self, block: Block) -> None:
        self.end()
        ((command, shown),) = block.steps()
        ports = f" --port 80={self._gateway} --admin 127.0.0.1:{self._admin}"
        with self._printed.open("wb") as printed:
            self._process = subprocess.Popen(
                ["bash", "-c", f"exec {self._place.here(command).rstrip()}{ports}"],
                cwd=self._place.directory,
                env=self._place.environment(),
                stdin=subprocess.DEVNULL,
                stdout=printed,
                stderr=subprocess.STDOUT,
            )
        until(lambda: self._ready() or self._process.poll() is not None, "ready, or ended", READY_SECONDS)
        said = self._said()
        assert self._ready(), f"{block}\n{said}"
        assert shown is None or fits(shown, said), f"{block}:\nprinted:\n{said}\nthe page has:\n{shown}"

    def _said(self) -> str:
        return self._place.as_written(self._printed.read_text())

    def _ready(self) -> bool:
        """Everything that ``up`` prints at its start is there."""
        return any(line.endswith(LAST_LINE_ENDS) for line in self._said().splitlines())

    def _left(self) -> list[str]:
        return [place for pid in all_pids() if str(self.home) in (place := working_place(pid))]

    def _asked(self, block: Block, printed: str) -> None:
        """``says food any``: two answers, the first of this kind."""
        _, says, kinds = block.mark.partition(": says ")
        if says:
            texts = answers(printed)
            wanted = kinds.split()
            found = ["any" if kind == "any" else kind_of(text) for kind, text in zip(wanted, texts, strict=False)]
            assert (found, len(texts)) == (wanted, len(wanted)), f"{block}:\n{printed}"


def answers(printed: str) -> list[str]:
    """What models said: the chat completions in the output, in order."""
    texts, rest = [], printed
    while (start := rest.find('{"')) >= 0:
        found, length = json.JSONDecoder().raw_decode(rest[start:])
        rest = rest[start + length :]
        texts.extend(choice["message"]["content"] for choice in found.get("choices", ()))
    return texts
