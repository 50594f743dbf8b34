"""Hubs and buckets on loopback, and processes that fetch from them."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from hub_site import ContentSite, HubSite
from loopback_http import serving

CHILD = Path(__file__).with_name("fetch_child.py")
Start = Callable[..., subprocess.Popen[str]]


def model_files(seed: int = 1) -> dict[str, bytes]:
    """Files in a model's layout, 6 MB of noise."""
    rng = random.Random(seed)
    return {
        "config.json": b'{"architectures": ["LlamaForCausalLM"]}',
        "tokenizer.json": rng.randbytes(300_000),
        "model-00001-of-00002.safetensors": rng.randbytes(4_000_000),
        "model-00002-of-00002.safetensors": rng.randbytes(2_000_001),
        "README.md": b"# A model",
        ".gitattributes": b"*.safetensors filter=lfs",
        "pytorch_model.bin": rng.randbytes(1000),
    }


TAKEN = ("config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json")
"""What a fetch takes of them."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[HubSite]:
    """A hub that this process and its children use."""
    with serving(ContentSite(), "127.0.0.2") as content, serving(HubSite(model_files(), content)) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        monkeypatch.setenv("HF_TOKEN", "")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1,127.0.0.2")
        yield site


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that fetches; whatever is left of them ends with the test."""
    started = []

    def begin(source: str, root: Path, *, forks: bool = False, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*before, sys.executable, str(CHILD), source, str(root), "0", *(["forks"] if forks else [])]
        pipe = subprocess.PIPE
        child = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        started.append(child)
        return child

    yield begin
    for child in started:
        child.kill()
        child.communicate()
