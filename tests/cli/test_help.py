"""The help of every command, as people see it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
import typer

from modelyard.cli.commands import application


def texts(command: click.Command, path: str = "modelyard") -> Iterator[tuple[str, str]]:
    yield path, command.help or ""
    for parameter in command.params:
        yield f"{path} {parameter.name}", getattr(parameter, "help", None) or ""
    for name, one in getattr(command, "commands", {}).items():
        yield from texts(one, f"{path} {name}")


@pytest.mark.parametrize(("place", "text"), list(texts(typer.main.get_command(application()))))
def test_no_text_is_taken_for_markup(place: str, text: str) -> None:
    """Rich reads ``[word]`` and ``[@word]`` as styles and leaves them out."""
    assert not re.search(r"\[[a-z#/@][^\]]*\]", text.replace("\\[", ""), re.IGNORECASE), place
