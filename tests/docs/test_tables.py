from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from docs import tables
from docs.examples import ROOT
from modelyard.cli.commands import application
from modelyard.fleet.endpoints import EngineLoad
from modelyard.local.home import Home
from modelyard.telemetry.request_metrics import DURATION_BUCKETS


@pytest.mark.parametrize("page", tables.pages(), ids=lambda page: page.name)
def test_tables_are_as_the_code_says(page: Path) -> None:
    assert page.read_text() == tables.rendered(page.read_text()), "run python docs/tables.py"


def test_every_table_is_shown() -> None:
    shown = {name for page in tables.pages() for _, name, _ in tables.MARKED.findall(page.read_text())}
    assert shown == set(tables.TABLES)


@pytest.mark.parametrize("command", [name for name, _ in tables.commands(application())])
def test_the_command_line_page_has_what_help_has(command: str) -> None:
    helped = CliRunner().invoke(application(), [*command.split(), "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"})
    assert helped.exit_code == 0
    section = (ROOT / "docs/cli.md").read_text().split(f"## modelyard {command}\n")[1].split("\n## ")[0]
    options = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", _options_of(helped.output))) - {"--help"}
    written = set(re.findall(r"`(--[a-z][a-z-]+)", "\n".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE))))
    assert options == written


def _options_of(text: str) -> str:
    """The first columns of the option panels: what stands before two spaces after the last name."""
    lines = (line.strip("│ ") for line in text.splitlines() if re.match(r"^[│|*\s]*-", line))
    return "\n".join(re.split(r"\s{2,}(?=[A-Z'(])", line)[0] for line in lines)


def test_histogram_buckets() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    assert ", ".join(f"{bound:g}" for bound in DURATION_BUCKETS) in " ".join(text.split())


def test_error_codes() -> None:
    """The table of errors has exactly the codes that the code gives."""
    page = (ROOT / "docs/http-behaviour.md").read_text().split("## Errors")[1].split("## Retries")[0]
    written = set(re.findall(r"\| \d{3}[^|]*\| `([a-z_]+)`", page)) | {"upstream_broken"}
    assert written == set(_codes())


def _codes() -> Iterator[str]:
    for source in (ROOT / "src/modelyard").rglob("*.py"):
        if source.parent.name in ("bodies", "exchange", "proxy"):
            for call in (node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Call)):
                yield from _codes_of(call)
    yield "invalid_request"
    yield "duplicate_model"


def _codes_of(call: ast.Call) -> Iterator[str]:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    given = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    if name == "_refuse" and len(call.args) > 2:
        given.append(call.args[2])
    if name == "sse_error" and len(call.args) > 1:
        given.append(call.args[1])
    yield from (node.value for node in given if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_files_that_the_architecture_names_exist() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    named = re.findall(r"`([a-z0-9_]+/[a-z0-9_/]+(?:\.py)?/?)`", page)
    missing = [path for path in named if not (ROOT / "src/modelyard" / path).exists() and not (ROOT / path).exists()]
    assert not missing
    assert len(named) > 30


def test_the_paths_of_a_home() -> None:
    page = (ROOT / "docs/local.md").read_text()
    home = Home(Path("/home"))
    for path in (home.logs, home.replicas, home.volumes, home.state_file):
        assert f"`{path.name}" in page


def test_what_the_explained_readings_are_called() -> None:
    assert {"waiting", "running", "kv_usage", "max_loras"} <= set(EngineLoad.__struct_fields__)
