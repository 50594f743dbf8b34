"""``modelyard lora-sync`` beside a simulated engine, with a ConfigMap as kubelet mounts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from adapter_files import write_adapter
from sim_servers import SimServers

from modelyard.sim.server import SimHandle
from modelyard.sim.settings import INSTANT, SimSettings

pytestmark = pytest.mark.integration
SETTINGS = msgspec.structs.replace(SimSettings(model="m", enable_lora=True, max_loras=4, max_cpu_loras=8), **INSTANT)


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.02)


class ConfigMapMount:
    """A folder as kubelet keeps it: files are links into ``..data``, a link to a folder that is swapped whole."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port, self._number = folder, port, 0
        folder.mkdir()

    @property
    def file(self) -> Path:
        return self.folder / "configmap.yaml"

    def write(self, exist: dict[str, str], absent: tuple[str, ...] = ()) -> None:
        models = [{"id": name, "source": source} for name, source in exist.items()]
        gone = [{"id": name, "source": "x/y"} for name in absent]
        config = {"port": self.port, "ensureExist": {"models": models}, "ensureNotExist": {"models": gone}}
        self.write_text(msgspec.json.encode({"vLLMLoRAConfig": config}).decode())

    def write_text(self, text: str) -> None:
        self._number += 1
        version = self.folder / f"..{self._number}"
        version.mkdir()
        (version / "configmap.yaml").write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(version.name)
        link.rename(self.folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to("..data/configmap.yaml")


class Syncer:
    """The process."""

    def __init__(self, mount: ConfigMapMount, log: Path, *options: str) -> None:
        self._log = log
        command = [sys.executable, "-m", "modelyard.cli.main", "lora-sync", "--metrics-port", "0"]
        options = ("--metrics-host", "127.0.0.1", "--reconcile-trigger", "0.3", *options)
        environment = {**os.environ, "DYNAMIC_LORA_ROLLOUT_CONFIG": str(mount.file)}
        with log.open("w") as file:
            self.process = subprocess.Popen([*command, *options], env=environment, stderr=file, stdout=file)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def metrics(self) -> dict[str, float]:
        until(lambda: "metrics on port" in self.log, "its port")
        port = self.log.partition("metrics on port ")[2].split()[0]
        page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
        rows = [line for line in page.splitlines() if line.startswith("lora_syncer_adapter_status{")]
        return {row.split('"')[1]: float(row.split()[-1]) for row in rows}

    def end(self, number: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def engine() -> Iterator[SimHandle]:
    servers = SimServers()
    yield servers.start(SETTINGS)
    servers.close()


@pytest.fixture
def mount(tmp_path: Path, engine: SimHandle) -> ConfigMapMount:
    return ConfigMapMount(tmp_path / "config", engine.port)


@pytest.fixture
def start(tmp_path: Path, mount: ConfigMapMount) -> Iterator[Callable[..., Syncer]]:
    begun: list[Syncer] = []

    def begin(*options: str) -> Syncer:
        begun.append(Syncer(mount, tmp_path / f"log-{len(begun)}", *options))
        return begun[-1]

    yield begin
    for syncer in begun:
        syncer.end(signal.SIGKILL)


def adapters(engine: SimHandle) -> dict[str, str]:
    with urllib.request.urlopen(f"{engine.url}/v1/models", timeout=10) as answer:  # noqa: S310
        return {card["id"]: card["root"] for card in msgspec.json.decode(answer.read())["data"] if card["parent"]}


def test_sources_are_given_to_the_engine_as_they_are_written(
    engine: SimHandle, mount: ConfigMapMount, start: Callable[..., Syncer]
) -> None:
    mount.write({"food": "org/food", "pinned": "org/food@v1"})
    syncer = start()
    until(lambda: adapters(engine) == {"food": "org/food"}, "loaded")
    until(lambda: syncer.metrics() == {"food": 1.0, "pinned": 0.0}, "the metric")
    assert "--adapters-dir" in syncer.log
    mount.write({"food": "org/other"})
    until(lambda: adapters(engine) == {"food": "org/other"}, "replaced under its name")
    mount.write_text("vLLMLoRAConfig: [")
    until(lambda: "what it said before stays in force" in syncer.log, "the broken file")
    assert adapters(engine) == {"food": "org/other"}
    mount.write({"sql": "org/sql"}, absent=("theirs",))
    until(lambda: adapters(engine) == {"sql": "org/sql"}, "what is gone from the list goes")
    until(lambda: syncer.metrics() == {"sql": 1.0, "theirs": 0.0}, "what is unwanted counts as not loaded")
    assert syncer.end() == 0
    assert adapters(engine) == {"sql": "org/sql"}


def test_with_a_shared_folder_a_killed_one_knows_what_it_had_loaded(
    tmp_path: Path, engine: SimHandle, mount: ConfigMapMount, start: Callable[..., Syncer]
) -> None:
    sources = {name: str(write_adapter(tmp_path / name, fill=name.encode())) for name in ("food", "sql")}
    options = ("--adapters-dir", str(tmp_path / "shared"), "--max-lora-rank", "8")
    mount.write(sources)
    first = start(*options)
    until(lambda: set(adapters(engine)) == {"food", "sql"}, "loaded")
    assert all(path.startswith(str(tmp_path / "shared")) for path in adapters(engine).values())
    was = adapters(engine)
    first.end(signal.SIGKILL)
    mount.write({"food": sources["sql"]})
    began = time.monotonic()
    second = start(*options)
    until(lambda: set(adapters(engine)) == {"food"} and adapters(engine) != {"food": was["food"]}, "as the file says")
    print(f"\nkill -9 of lora-sync: a new process had the changed file in force after {time.monotonic() - began:.2f} s")
    write_adapter(tmp_path / "sql", rank=16)
    until(lambda: "--max-lora-rank=16" in second.log, "the edited adapter's rank is refused")
    until(lambda: second.metrics() == {"food": 0.0}, "the metric")
    assert set(adapters(engine)) == {"food"}
    assert second.end() == 0


def test_it_waits_for_the_file_and_for_the_engine(
    engine: SimHandle, mount: ConfigMapMount, start: Callable[..., Syncer]
) -> None:
    syncer = start("--health-check-timeout", "0.2", "--health-check-interval", "0.1")
    until(lambda: "nothing is loaded yet" in syncer.log, "no file yet")
    real, mount.port = mount.port, 9
    mount.write({"food": "org/food"})
    until(lambda: "no engine answers" in syncer.log, "no engine yet")
    assert syncer.metrics() == {"food": 0.0}
    mount.port = real
    mount.write({"food": "org/food"})
    until(lambda: adapters(engine) == {"food": "org/food"}, "loaded")
    assert syncer.end() == 0
