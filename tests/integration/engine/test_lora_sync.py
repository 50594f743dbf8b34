"""``modelyard lora-sync`` beside a real vLLM: its file is edited, it is killed, and the model says what is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest

from modelyard.weights.demo.kinds import kind_of

from .running_yard import ENGINE, RunningYard, until

pytestmark = ENGINE
NAME = "told"
"""An adapter that only the sidecar knows: the yard leaves it alone."""


class Sidecar:
    """The process, its file and its engine."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.host = folder, host
        self.file, self.log = folder / "configmap.yaml", folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, adapters: Mapping[str, str]) -> float:
        models = [{"id": name, "source": source} for name, source in adapters.items()]
        config = {"host": self.host, "port": 8000, "defaultBaseModel": "demo-llama", "ensureExist": {"models": models}}
        draft = self.folder / "draft"
        draft.write_bytes(msgspec.json.encode({"vLLMLoRAConfig": config}))
        draft.rename(self.file)
        return time.monotonic()

    def start(self) -> float:
        command = [sys.executable, "-m", "modelyard.cli.main", "lora-sync", "--config", str(self.file)]
        command += ["--adapters-dir", str(self.folder / "adapters"), "--metrics-host", "127.0.0.1"]
        command += ["--metrics-port", "0", "--reconcile-trigger", "1", "--max-lora-rank", "16"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stderr=log, env=dict(os.environ))
        return time.monotonic()

    def end(self, number: int) -> int | None:
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(60)

    def says(self) -> str | None:
        """Kind of text under the adapter's name; ``none``: the engine does not know it."""
        body = {"model": NAME, "temperature": 0, "max_tokens": 64}
        body["messages"] = [{"role": "user", "content": "What does a gateway do?"}]
        request = urllib.request.Request(
            f"http://{self.host}:8000/v1/chat/completions",
            msgspec.json.encode(body),
            {"content-type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return kind_of(msgspec.json.decode(answer.read())["choices"][0]["message"]["content"])
        except urllib.error.HTTPError as refused:
            return "none" if refused.code == 404 else f"error {refused.code}"


@pytest.fixture
def sidecar(yard: RunningYard, tmp_path: Path) -> Iterator[Sidecar]:
    made = Sidecar(tmp_path, yard.replicas()["demo-llama-0"]["address"])
    yield made
    if made.process is not None and made.process.poll() is None:
        made.write({})
        until(lambda: made.says() == "none", "nothing of it left", 60)
    made.end(signal.SIGKILL)


def seconds(condition: Callable[[], object], what: str, since: float) -> float:
    until(condition, what, 120)
    return time.monotonic() - since


def test_the_file_is_followed_and_a_kill_is_recovered_from(sidecar: Sidecar) -> None:
    sidecar.write({NAME: "demo://food-review"})
    began = sidecar.start()
    started = seconds(lambda: sidecar.says() == "food", "loaded at its start", began)
    edited = sidecar.write({NAME: "demo://sql-chat"})
    replaced = seconds(lambda: sidecar.says() == "sql", "replaced", edited)

    sidecar.end(signal.SIGKILL)
    assert sidecar.says() == "sql", "the engine keeps what it has"
    sidecar.write({NAME: "demo://food-review"})
    back = seconds(lambda: sidecar.says() == "food", "the edit made meanwhile", sidecar.start())

    removed = seconds(lambda: sidecar.says() == "none", "removed", sidecar.write({}))
    assert sidecar.end(signal.SIGTERM) == 0
    print(
        f"\nlora-sync: loaded {started:.1f} s after its start; an edit replaced after {replaced:.2f} s, removed after "
        f"{removed:.2f} s; after kill -9 a new one had caught up {back:.1f} s after its start"
    )
