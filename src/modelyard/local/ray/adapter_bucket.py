"""Where the models of Ray Serve LLM load adapters from here: a bucket on loopback that Modelyard fills."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.local.ray.changes import Draft, Note
from modelyard.resources.serve_llm_config import LLMConfig

PATH = "dynamic_lora_loading_path"


class AdapterBucket(msgspec.Struct, frozen=True, kw_only=True):
    """A folder of the bucket."""

    path: str
    """As ``dynamic_lora_loading_path`` has it."""
    environment: Mapping[str, str]
    """What Ray's processes need to find it; an empty value takes away what would be used in its place."""

    def below(self, *names: str) -> AdapterBucket:
        """A folder in it."""
        return msgspec.structs.replace(self, path="/".join((self.path, *map(_folder, names))))


def loads_adapters(model: LLMConfig) -> bool:
    """Whether the configuration says where adapters are."""
    return model.lora_config is not None and bool(model.lora_config.dynamic_lora_loading_path)


def set_adapter_path(model: LLMConfig, written: Draft, bucket: AdapterBucket, note: Note) -> None:
    """The model's own folder of the bucket in place of the one that is written."""
    if loads_adapters(model):
        reason = "Modelyard fetches, checks and versions the adapters, and puts them there"
        note.set(written["lora_config"], PATH, bucket.below(model.model_id).path, reason, place="lora_config")


def set_bucket_variables(part: Draft, bucket: AdapterBucket, note: Note) -> None:
    """The application's variables by which Ray's S3 client finds the bucket."""
    environment: dict[str, Any] = part.get("runtime_env") or {}
    variables: dict[str, Any] = environment.get("env_vars") or {}
    part["runtime_env"], environment["env_vars"] = environment, variables
    emptied = [name for name, value in bucket.environment.items() if not value and variables.get(name) != ""]
    for name, value in bucket.environment.items():
        if value:
            note.set(variables, name, value, "the adapters are in a bucket on loopback", place="runtime_env.env_vars")
    if emptied:  # perhaps keys: what they were is not shown
        variables |= dict.fromkeys(emptied, "")
        change = f"{', '.join(emptied)}: set to nothing"
        note.add("runtime_env.env_vars", change, "the key of the bucket on loopback is in a file of its own")


def _folder(name: str) -> str:
    """Safe in a URL and a path; names that differ stay apart."""
    safe = re.sub(r"[^A-Za-z0-9._-]", "-", name).lstrip(".")[:60]
    return safe if safe == name else f"{safe}-{hashlib.blake2b(name.encode(), digest_size=4).hexdigest()}"
