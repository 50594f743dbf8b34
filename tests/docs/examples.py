"""The marked blocks of the documentation, and how they are run and compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted(ROOT.glob("docs/tutorials/*.md"))
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *TUTORIALS, *ROOT.glob("examples/*/*.md")])

_MARKED = re.compile(r"^<!-- ([a-z: ]+) -->\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"(?:.*\\\n)*.*\n?")
"""A line, and those after it while they end with a backslash."""
_ADDRESS = re.compile(r"\b127\.[89]\.\d+\.\d+\b")
"""Addresses of replicas and Ray clusters follow from the yard's home."""


@dataclass(frozen=True)
class Block:
    """One marked block."""

    page: Path
    line: int
    mark: str
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"

    def steps(self) -> Iterator[tuple[str, str | None]]:
        """Commands, each with the output that is shown; None: any."""
        if self.language != "console":
            yield self.text, None
            return
        for part in re.split(r"^\$ ", self.text, flags=re.MULTILINE)[1:]:
            found = _COMMAND.match(part)
            assert found is not None, part
            yield found[0], part[found.end() :]


def blocks(mark: str) -> list[Block]:
    """Every block with this marker, in the order of pages and lines."""
    return [block for page in PAGES for block in blocks_of(page) if block.mark == mark]


def blocks_of(page: Path) -> list[Block]:
    """The marked blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(page, text.count("\n", 0, match.start()) + 2, match[1], match[2], match[3])
        for match in _MARKED.finditer(text)
    ]


def marks() -> set[str]:
    """Every marker that stands before a block."""
    return {match[1] for page in PAGES for match in _MARKED.finditer(page.read_text())}


@dataclass(frozen=True)
class Place:
    """Where blocks are run."""

    directory: Path = ROOT
    env: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    """As the documentation has it -> as it is here."""
    seconds: float = 60

    def run(self, block: Block) -> str:
        """Run every command and compare what it prints; returns all of that."""
        return "".join(self._step(block, command, shown) for command, shown in block.steps())

    def here(self, command: str) -> str:
        """A command with the addresses of this place."""
        for written, real in self.addresses.items():
            command = command.replace(written, real)
        return command

    def as_written(self, printed: str) -> str:
        """Output with the addresses of the documentation."""
        for written, real in self.addresses.items():
            printed = printed.replace(real, written)
        return printed

    def environment(self) -> dict[str, str]:
        """This process's own, with the commands of its virtual environment first."""
        return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **self.env}

    def _step(self, block: Block, command: str, shown: str | None) -> str:
        done = subprocess.run(
            ["bash", *(["-euo", "pipefail"] if shown is None else []), "-c", self.here(command)],
            cwd=self.directory,
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if shown is not None else subprocess.PIPE,
            text=True,
            timeout=self.seconds,
            check=False,
        )
        printed = self.as_written(done.stdout)
        if shown is None:
            assert done.returncode == 0, f"{block}: {command}\n{printed}{done.stderr}"
        else:
            assert fits(shown, printed), f"{block}: $ {command}\nprinted:\n{printed}\nthe page has:\n{shown}"
        return printed


def fits(shown: str, printed: str) -> bool:
    """Whether output is as shown: ``...`` stands for anything, on a line of its own for any number of lines; addresses
    of replicas and widths do not count."""
    parts = re.sub(r"^\.\.\.\n", "...", _plain(shown), flags=re.MULTILINE).split("...")
    pattern = ".*?".join(re.escape(part) for part in parts)
    return re.fullmatch(pattern, _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    lines = (re.sub(r"(?<=\S) +", " ", line).rstrip() for line in text.splitlines())
    return _ADDRESS.sub("127.n.n.n", "\n".join(lines).strip())
