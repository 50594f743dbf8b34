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
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")])

_MARKED = re.compile(r"^<!-- ([a-z: ]+) -->\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_ADDRESS = re.compile(r"\b127\.8\.\d+\.\d+\b")
"""Addresses of replicas follow from the yard's home."""


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
            command, _, output = part.partition("\n")
            yield command, output


def blocks(mark: str) -> list[Block]:
    """Every block with this marker, in the order of pages and lines."""
    found = []
    for page in PAGES:
        text = page.read_text()
        for match in _MARKED.finditer(text):
            if match[1] == mark:
                found.append(Block(page, text.count("\n", 0, match.start()) + 2, match[1], match[2], match[3]))
    return found


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

    def run(self, block: Block) -> None:
        """Run every command and compare what it prints."""
        for command, shown in block.steps():
            for written, real in self.addresses.items():
                command = command.replace(written, real)
            done = subprocess.run(
                ["bash", *(["-euo", "pipefail"] if shown is None else []), "-c", command],
                cwd=self.directory,
                env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **self.env},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if shown is not None else subprocess.PIPE,
                text=True,
                timeout=self.seconds,
                check=False,
            )
            printed = done.stdout
            for written, real in self.addresses.items():
                printed = printed.replace(real, written)
            if shown is None:
                assert done.returncode == 0, f"{block}: {command}\n{printed}{done.stderr}"
            else:
                assert fits(shown, printed), f"{block}: $ {command}\nprinted:\n{printed}\nthe page has:\n{shown}"


def fits(shown: str, printed: str) -> bool:
    """Whether output is as shown: ``...`` stands for anything; addresses of replicas and widths do not count."""
    pattern = ".*?".join(re.escape(part) for part in _plain(shown).split("..."))
    return re.fullmatch(pattern, _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    lines = (re.sub(r"(?<=\S) +", " ", line).rstrip() for line in text.splitlines())
    return _ADDRESS.sub("127.8.n.n", "\n".join(lines).strip())
