"""Reading and editing a vLLM command line without knowing all of its flags.

vLLM accepts ``--flag value``, ``--flag=value``, ``--flag_name`` for ``--flag-name``, and a few short forms.
A flag is looked up under its long name with dashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

SHORT_FORMS = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
    "-O": "--compilation-config",
}
"""vLLM's short forms of the flags that are edited here."""


def _name(token: str) -> str:
    """The long name of the flag that ``token`` gives; empty where it gives none."""
    if not token.startswith("-") or token.lstrip("-")[:1].isdigit():
        return ""
    name = token.partition("=")[0]
    if name.startswith("--"):
        return "--" + name[2:].replace("_", "-")
    return SHORT_FORMS.get(name, name)


def _spans(arguments: Sequence[str], flag: str) -> Iterator[tuple[int, int]]:
    """Ranges [start, end) of ``flag`` with its values; a value is whatever follows and is no flag itself."""
    index = 0
    while index < len(arguments):
        start = index
        index += 1
        if _name(arguments[start]) != flag:
            continue
        if "=" not in arguments[start]:
            while index < len(arguments) and not _name(arguments[index]):
                index += 1
        yield start, index


def values(arguments: Sequence[str], flag: str) -> list[str] | None:
    """The values of ``flag`` where it is given last; None: it is not given. A switch has no values."""
    spans = list(_spans(arguments, flag))
    if not spans:
        return None
    start, end = spans[-1]
    _, equals, given = arguments[start].partition("=")
    return [given] if equals else list(arguments[start + 1 : end])


def value(arguments: Sequence[str], flag: str) -> str | None:
    """The single value of ``flag``; None where it is not given or is a switch."""
    found = values(arguments, flag)
    return found[0] if found else None


def without(arguments: Sequence[str], flag: str, *, takes_value: bool = True) -> tuple[str, ...]:
    """``arguments`` with every ``flag`` removed."""
    kept = list(arguments)
    for start, end in reversed(list(_spans(arguments, flag))):
        del kept[start : min(end, start + 2) if takes_value else start + 1]
    return tuple(kept)


def with_value(arguments: Sequence[str], flag: str, setting: str) -> tuple[str, ...]:
    """``arguments`` with ``flag`` given once, as ``setting``, at the end; an empty one makes it a switch."""
    kept = without(arguments, flag, takes_value=bool(setting))
    return (*kept, f"{flag}={setting}" if setting else flag)


def with_values(arguments: Sequence[str], flag: str, settings: Sequence[str]) -> tuple[str, ...]:
    """``arguments`` with ``flag`` given once, with all of ``settings``, at the end."""
    kept = list(arguments)
    for start, end in reversed(list(_spans(arguments, flag))):
        del kept[start:end]
    return (*kept, flag, *settings)
