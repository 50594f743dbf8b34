"""Recognises the containers of a Pod template that have a meaning on this machine: vLLM servers.

A container is recognised by what it would execute: its command, or where it gives none, its image's entry
point.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

import msgspec

from modelyard.resources.extension_deployments import Role, extension_role

SERVER_MODULE = "vllm.entrypoints.openai.api_server"

_IMAGE = re.compile(r"(?:^|/)(?:vllm-openai|vllm-cpu|vllm)[\w.-]*(?::[\w.-]+)?(?:@sha256:[0-9a-f]+)?$")
"""Images whose entry point is vLLM's server: ``vllm/vllm-openai`` and its mirrors and builds."""
_LORA_SYNCER = re.compile(r"(?:^|/)lora-syncer\b")
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_SHELL = re.compile(r"^(?:.*/)?(?:ba|da)?sh$")
_SHELL_SYNTAX = re.compile(r"[;&|<>`$\n(){}*?\[\]~#]")
"""Characters that would need a real shell; a manifest's shell script is never run here."""


_BUILT_IN: Mapping[Role, str] = {
    "epp": "Modelyard picks endpoints itself here, by the same pool and EndpointPickerConfig; alone: modelyard epp",
    "bbr": "Modelyard routes by the body itself here, with the same plugins and ConfigMaps; alone: modelyard bbr",
}


class VllmCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A container that runs vLLM's OpenAI server."""

    arguments: tuple[str, ...]
    """The server's arguments; the model is always given as ``--model``."""


class NotHere(msgspec.Struct, frozen=True, kw_only=True):
    """A container without a local meaning."""

    reason: str


class DoneByModelyard(msgspec.Struct, frozen=True, kw_only=True):
    """A container whose work the control process does itself."""

    reason: str


def recognise(image: str, command: Sequence[str], args: Sequence[str]) -> VllmCommand | DoneByModelyard | NotHere:
    """What a container runs. ``command`` and ``args`` are already expanded (``$(NAME)``)."""
    line = [*command, *args]
    if "lora-sync" in line or (not command and _LORA_SYNCER.search(image.partition("@")[0])):
        return DoneByModelyard(reason="the adapters of its ConfigMap are loaded by Modelyard (modelyard lora ls)")
    role = extension_role(image, command, args)
    if role is not None:
        return DoneByModelyard(reason=_BUILT_IN[role])
    if not command:
        if not _IMAGE.search(image):
            return NotHere(reason=f"image {image or '(none)'} is not known to be a vLLM server")
        return _server(line[2:] if line[:2] == ["vllm", "serve"] else line)
    if _SHELL.match(line[0]):
        simple = _simple_shell_command(line)
        if simple is None:
            return NotHere(reason="its command is a shell script, which is not run here; give vLLM as the command")
        line = simple
    return _recognise_line(line)


def _recognise_line(line: list[str]) -> VllmCommand | NotHere:
    if line[0].rpartition("/")[2] == "vllm" and line[1:2] == ["serve"]:
        return _server(line[2:])
    if _PYTHON.match(line[0]) and line[1:3] == ["-m", SERVER_MODULE]:
        return _server(line[3:])
    shown = " ".join(line[:3])
    return NotHere(reason=f"its command ({shown}{' ...' if len(line) > 3 else ''}) is not a vLLM server")


def _simple_shell_command(line: list[str]) -> list[str] | None:
    """The words of ``sh -c "one plain command"``; None where it needs a shell."""
    if len(line) != 3 or line[1] not in ("-c", "-lc", "-ec") or _SHELL_SYNTAX.search(line[2]):
        return None
    try:
        words = shlex.split(line[2])
    except ValueError:
        return None
    return words[1:] if words[:1] == ["exec"] else words or None


def _server(arguments: Sequence[str]) -> VllmCommand:
    """``vllm serve MODEL --flags`` and ``--model MODEL --flags`` say the same."""
    if arguments and not arguments[0].startswith("-"):
        return VllmCommand(arguments=("--model", *arguments))
    return VllmCommand(arguments=tuple(arguments))
