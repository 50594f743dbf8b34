"""A short form that is served: ``modelyard up`` on simulated servers, asked with the openai client."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "short-form"
pytestmark = pytest.mark.integration


class Served:
    """The example, copied so that it can be edited, and a client for it."""

    def __init__(self, directory: Path, host: str) -> None:
        """``host``: a loopback address that no other test uses."""
        shutil.copytree(EXAMPLE, directory / "manifests")
        self.file = directory / "manifests" / "yard.yaml"
        port = _free_port(host)
        self.client = openai.OpenAI(base_url=f"http://{host}:{port}/v1", api_key="none", max_retries=0, timeout=30)
        command = [
            *(sys.executable, "-m", "modelyard.cli.main", "up", "-f", str(self.file.parent), "--engine", "sim"),
            *("--home", str(directory / "home"), "--bind", host, "--port", f"80={port}", "--admin", "127.0.0.1:0"),
            *("--drain", "2", "--output", "json"),
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.admin, self.ready = _begin(self.process)

    def names(self) -> set[str]:
        return {model.id for model in self.client.models.list()}

    def errors(self) -> list[str]:
        """What is wrong with the manifests as they are now."""
        with urllib.request.urlopen(f"{self.admin}/api/summary", timeout=30) as answer:  # noqa: S310 - our own
            found: list[str] = json.loads(answer.read())["errors"]
            return found

    def ask(self, model: str) -> tuple[Any, str]:
        """The answer, and the replica that gave it."""
        raw = self.client.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": "Who are you?"}], max_tokens=4
        )
        return raw.parse(), raw.headers["x-modelyard-endpoint"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, own_address: str) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("yard"), own_address)
    try:
        yield served
    finally:
        served.process.send_signal(signal.SIGTERM)
        try:
            code = served.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(served.process.pid, signal.SIGKILL)
            raise
    assert code == 0


def test_every_name_answers_under_its_own_name(served: Served) -> None:
    assert set(served.ready["models"]) == {"demo-llama", "demo-alpaca", "food-review", "chat"}
    assert served.names() == set(served.ready["models"])
    for name in sorted(served.names()):
        answer, _ = served.ask(name)
        assert answer.model == name
        assert answer.choices[0].message.content


def test_a_split_reaches_both_pools(served: Served) -> None:
    of_alpaca = served.ask("demo-alpaca")[1]
    replicas = [served.ask("chat")[1] for _ in range(60)]
    # 60 draws of 1 in 4: none, or all, has a probability below 1e-7.
    assert 0 < replicas.count(of_alpaca) < 60


def test_streams_come_through(served: Served) -> None:
    events = served.client.chat.completions.create(
        model="chat", messages=[{"role": "user", "content": "Hello"}], max_tokens=4, stream=True
    )
    assert {event.model for event in events} == {"chat"}


def test_an_edit_takes_effect_and_a_broken_one_does_not(served: Served) -> None:
    text = served.file.read_text()
    served.file.write_text(re.sub("name: chat.*", "name: talk", text))
    _until(lambda: served.names() == {"demo-llama", "demo-alpaca", "food-review", "talk"})
    assert served.ask("talk")[0].model == "talk"
    served.file.write_text(text.replace("replicas: 2", "replicas: two"))
    _until(lambda: any("spec.models[0].replicas: must be a whole number" in error for error in served.errors()))
    with pytest.raises(openai.NotFoundError):
        served.ask("chat")
    assert served.ask("talk")[0].model == "talk"
    served.file.write_text(text)
    _until(lambda: "chat" in served.names())


def _begin(process: subprocess.Popen[str]) -> tuple[str, dict[str, Any]]:
    """The admin API's address, and what is said when everything is ready."""
    assert process.stdout is not None
    admin = ""
    for line in process.stdout:
        event: dict[str, Any] = json.loads(line)
        admin = event.get("admin", admin)
        if event["event"] == "ready":
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return admin, event
    raise AssertionError("the yard ended before it was ready")


def _until(condition: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
